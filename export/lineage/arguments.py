"""The commands' options, apart from them so that ``--help`` loads neither TensorFlow nor MLflow."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.lineage.address import ENVIRONMENT, FILE_NAME, NO_STORE
from export.lineage.recording import Recording


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe where a training command puts its run on record."""
    add = parser.add_argument
    add(
        "--lineage",
        default="",
        metavar="URL",
        help=f"store of runs: sqlite:///FILE, postgresql://…, or {NO_STORE} "
        f"(default: ${ENVIRONMENT}, or {FILE_NAME} in MODELS)",
    )
    add("--mlflow-uri", default="", metavar="URI", help="copy the run to this MLflow too")


def recording(arguments: argparse.Namespace) -> Recording:
    """Return what :func:`add_recording_arguments` asked for."""
    return Recording(arguments.lineage, arguments.mlflow_uri)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``lineage`` and its commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    runs = commands.add_parser("list", help="every run, newest first")
    _add_store(runs)
    runs.add_argument("--model", help="only this model's (classifier, detector)")
    runs.add_argument("--limit", type=int, metavar="N", help="most of them (default: all)")

    show = commands.add_parser("show", help="everything about one run")
    _add_store(show)
    show.add_argument("model_id", help="its id, or an unambiguous beginning of it")

    diff = commands.add_parser("diff", help="in what two runs differ")
    _add_store(diff)
    diff.add_argument("first", metavar="MODEL_ID")
    diff.add_argument("second", metavar="MODEL_ID")

    served = commands.add_parser("served", help="which runs made what a server answers with now")
    _add_store(served)
    served.add_argument("--server", required=True, metavar="HOST:PORT", help="its gRPC address")
    served.add_argument(
        "--model", metavar="NAME", help="the model's name there (default: classifier and detector)"
    )

    importing = commands.add_parser(
        "import", help="put published versions on record by what they carry"
    )
    _add_store(importing)
    importing.add_argument("--mlflow-uri", default="", metavar="URI", help="copy them there too")
    importing.add_argument(
        "versions", nargs="+", type=Path, metavar="VERSION", help="MODELS/<model>/<version>"
    )


def _add_store(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--lineage", default="", metavar="URL", help=f"default: ${ENVIRONMENT}")
    where.add_argument(
        "--models", type=Path, metavar="DIR", help=f"the store {FILE_NAME} in this directory"
    )
