"""``python -m export``: train, export, verify, evaluate.

Standard output carries one JSON object as its last line and nothing else; everything a person reads
goes to standard error. Exit 0: done; 1: it failed, and the message says why; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import outgoing
from export.edge import arguments as edge_arguments
from export.errors import ExportError, SettingsError
from export.experiment import arguments as experiment_arguments
from export.kinds import KINDS
from export.kinds.kind import Command
from export.labels import arguments as labels_arguments
from export.lineage import arguments as lineage_arguments
from export.lineage.arguments import add_recording_arguments
from export.quiet_import import quiet_tensorflow
from export.report import arguments as report_arguments
from export.stopping import Stopped
from export.verify import verify
from serving_config import toolkit_contracts
from serving_config.extras import missing_extra
from serving_config.version import __version__
from signature_contract.command_line.arguments import add_check_options
from signature_contract.command_line.check_command import options_of, write_junit
from signature_contract.contract import ContractError
from signature_contract.contract_errors import MissingRuntimeError
from signature_contract.version_files import golden_of

log = logging.getLogger(__name__)

_NOTICES = ("retracing", "Instructions for updating")

# The extra that brings what a command imports, where "train" is not enough.
_EXTRAS = {"evaluate": "evaluation", "experiment": "report", "report": "report", "tflite": "edge"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; by default the process's.

    Returns:
        The exit code.
    """
    # TensorFlow's C++ start-up notices would bury ours; what matters comes as an exception too.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(outgoing.Formatter("%(levelname).1s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    # "Assets written to" a place that is about to be renamed, "Context impl SQLiteImpl" …
    for noisy in ("absl", "alembic", "tensorflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Every unfreezing compiles the model anew, as it must; TensorFlow takes that for an oversight.
    # And the session loader, which servers use, is "deprecated" for those who write Python.
    logging.getLogger("tensorflow").addFilter(
        lambda record: not any(text in record.getMessage() for text in _NOTICES)
    )
    parser, commands = _parser()
    arguments = parser.parse_args(argv)
    try:
        result = commands[arguments.command](arguments)
    except (SettingsError, MissingRuntimeError) as err:
        outgoing.say(f"{parser.prog} {arguments.command}: {err}")
        return 2
    except (ExportError, ContractError) as err:
        outgoing.say(f"{parser.prog} {arguments.command}: {err}")
        return 1
    except ModuleNotFoundError as err:
        extra = _EXTRAS.get(arguments.command, "train")
        if (advice := missing_extra(f"{parser.prog} {arguments.command}", extra, err)) is None:
            outgoing.say_unexpected()
            return 1
        outgoing.say(advice)
        return 2
    except Stopped as stop:
        outgoing.say(str(stop))
        return 128 + stop.number
    except KeyboardInterrupt:
        outgoing.say("interrupted; nothing was published")
        return 130
    except Exception:
        # A fault of ours. Python's own traceback would show the secrets in its messages.
        outgoing.say_unexpected()
        return 1
    outgoing.answer(result)
    return 0 if result.get("ok", True) else 1


def _parser() -> tuple[argparse.ArgumentParser, dict[str, Command]]:
    parser = outgoing.Parser(prog="python -m export", description=__doc__)
    parser.add_argument("--version", action="version", version=f"vision-forge {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for kind in KINDS.values():
        kind.training_options(
            subparsers.add_parser(
                kind.name, help=f"train, export, verify and publish a {kind.name}"
            )
        )
    evaluate = subparsers.add_parser("evaluate", help="measure what a published version answers")
    kinds = evaluate.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
    for kind in KINDS.values():
        kind.evaluation_options(kinds.add_parser(kind.name, help=kind.evaluation))
    edge_arguments.add_arguments(
        subparsers.add_parser("tflite", help="TFLite files from a published version, measured")
    )
    experiment_arguments.add_arguments(
        subparsers.add_parser("experiment", help="measure what fine-tuning too early costs")
    )
    labels_arguments.add_arguments(
        subparsers.add_parser("labels", help="show what is understood of a folder of labels")
    )
    lineage_arguments.add_arguments(
        subparsers.add_parser("lineage", help="which data, weights and settings made which model")
    )
    report_arguments.add_arguments(
        subparsers.add_parser("report", help="one HTML page that shows what a version learnt")
    )
    publish = subparsers.add_parser(
        "publish", help="publish what was trained but not published, without training"
    )
    publish.add_argument("work", type=Path, metavar="WORK", help="the folder that was named")
    publish.add_argument(
        "--out",
        type=Path,
        metavar="MODELS",
        help="default: the MODELS that WORK lies in",
    )
    edge_arguments.add_beside_arguments(publish)
    add_recording_arguments(publish)
    check = subparsers.add_parser("verify", help="hold a SavedModel to its contract")
    check.add_argument("path", type=Path, help="a SavedModel directory")
    check.add_argument("--contract", metavar="NAME|FILE", help="default: the copy it carries")
    add_check_options(check)
    commands: dict[str, Command] = {
        **{kind.name: kind.train for kind in KINDS.values()},
        "evaluate": lambda arguments: KINDS[arguments.kind].evaluate(arguments),
        "experiment": _experiment,
        "tflite": _tflite,
        "labels": _labels,
        "lineage": _lineage,
        "publish": _publish,
        "report": _report,
        "verify": _verify,
    }
    return parser, commands


def _tflite(arguments: argparse.Namespace) -> dict[str, Any]:
    with quiet_tensorflow():
        from export.edge import command

    return command.main(arguments)


def _experiment(arguments: argparse.Namespace) -> dict[str, Any]:
    with quiet_tensorflow():
        from export.experiment import command

    return command.main(arguments)


def _labels(arguments: argparse.Namespace) -> dict[str, Any]:
    from export.labels import command  # loads Pillow

    return command.main(arguments)


def _lineage(arguments: argparse.Namespace) -> dict[str, Any]:
    from export.lineage import command  # loads SQLAlchemy

    return command.main(arguments)


def _publish(arguments: argparse.Namespace) -> dict[str, Any]:
    from export import publish_command  # loads NumPy

    return publish_command.main(arguments)


def _report(arguments: argparse.Namespace) -> dict[str, Any]:
    with quiet_tensorflow():
        from export.report import command

    return command.main(arguments)


def _verify(arguments: argparse.Namespace) -> dict[str, Any]:
    named = toolkit_contracts.find(arguments.contract) if arguments.contract else None
    options = options_of(arguments, golden_of(arguments.path))
    verification = verify(arguments.path, named, options)
    write_junit(arguments, verification)
    for difference in verification.differences:
        log.error("%s", difference)
    return verification.to_json()


if __name__ == "__main__":
    sys.exit(main())
