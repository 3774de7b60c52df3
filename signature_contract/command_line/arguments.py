"""The options of ``vision-contract``."""

from __future__ import annotations

import argparse
from pathlib import Path

from signature_contract.rules import CHANGE_RULES, IGNORABLE

TARGET = (
    "a SavedModel's folder (or the folder of its numbered versions), a .tflite file, "
    "HOST:PORT[/MODEL[/VERSION]] for gRPC, or http://HOST:PORT/v1/models/MODEL for REST"
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="vision-contract",
        description="Hold a model to its contract: its names, dtypes, shapes and answers.",
        epilog="Exit codes: 0 the contract is kept, 1 it is broken, 2 there is no telling.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _init(commands.add_parser("init", help="write a first contract of a model"))
    _record(commands.add_parser("record", help="record golden requests and answers"))
    _check(commands.add_parser("check", help="hold a model to a contract"))
    _diff(commands.add_parser("diff", help="what changed, and whom it breaks"))
    _stubs(commands.add_parser("stubs", help="write a typed client of a contract"))
    _validate(commands.add_parser("validate", help="read contract files"))
    commands.add_parser("rules", help="list every rule")
    return whole


def _init(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help=TARGET)
    command.add_argument("--name", help="the model's name (default: its folder's or file's)")
    _tags(command)
    command.add_argument(
        "--out", type=Path, help="where to write it (default: NAME.contract.json, in this folder)"
    )
    command.add_argument("--force", action="store_true", help="replace a file that is there")


def _record(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help=TARGET)
    _contract(command)
    command.add_argument(
        "--requests",
        type=Path,
        help="requests to record: a .npz, .json or image file, or a folder of them",
    )
    command.add_argument(
        "--examples",
        type=_count,
        default=4,
        metavar="N",
        help="without --requests: how many to draw for each signature (default: 4)",
    )
    command.add_argument(
        "--seed", type=_seed, default=0, help="of the requests that are drawn (default: 0)"
    )
    command.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="OUTPUT=ABSOLUTE[,RELATIVE]",
        help="write this tolerance of an output into the contract; may be repeated",
    )
    command.add_argument(
        "--out", type=Path, help="where to write them (default: beside the contract)"
    )
    command.add_argument("--force", action="store_true", help="replace a file that is there")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", help=TARGET)
    _contract(command)
    add_check_options(command)
    command.add_argument("--name", help="the model's name on a server (default: the contract's)")
    command.add_argument(
        "--strict", action="store_true", help="take what hostile requests show for errors"
    )
    _output(command, ("text", "json", "junit", "github"))


def add_check_options(command: argparse.ArgumentParser) -> None:
    """Add what every check can be told: ``vision-contract check`` and ``vision-export verify``."""
    command.add_argument(
        "--golden",
        type=Path,
        help="golden requests and answers (default: those beside the contract)",
    )
    _tags(command)
    command.add_argument(
        "--static", action="store_true", help="look at what it declares only; run nothing"
    )
    command.add_argument(
        "--hostile",
        action=argparse.BooleanOptionalAction,
        help="send requests that break the signature (default: to files; one can end a server)",
    )
    _ignore(command, sorted(IGNORABLE))
    command.add_argument(
        "--junit", type=Path, metavar="FILE", help="write a JUnit report too, whatever the format"
    )


def _diff(command: argparse.ArgumentParser) -> None:
    command.add_argument("old", help="a contract file, or a model")
    command.add_argument("new", help="a contract file, or a model")
    command.add_argument(
        "--against",
        choices=("callers", "servers", "both"),
        default="both",
        help="whom a change may not break: callers of the old contract once the new model serves, "
        "or callers of the new one while the old model serves (default: both)",
    )
    _ignore(command, [*CHANGE_RULES])
    _output(command, ("text", "json", "github"))


def _stubs(command: argparse.ArgumentParser) -> None:
    command.add_argument("contract", help="a contract file")
    command.add_argument("--language", choices=("python", "java"), required=True)
    command.add_argument("--package", help="of a Java class", default="")
    command.add_argument("--out", type=Path, help="file to write (default: standard output)")
    command.add_argument("--force", action="store_true", help="replace a file that is there")


def _validate(command: argparse.ArgumentParser) -> None:
    command.add_argument("contracts", nargs="+", metavar="CONTRACT", help="a contract file")


def _contract(command: argparse.ArgumentParser) -> None:
    command.add_argument("--contract", required=True, help="a contract file")


def _tags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tags",
        nargs="+",
        metavar="TAG",
        help="tags of the SavedModel's graph (default: the contract's, or serve)",
    )


def _ignore(command: argparse.ArgumentParser, rules: list[str]) -> None:
    command.add_argument(
        "--ignore",
        action="append",
        default=[],
        choices=rules,
        metavar="RULE",
        help="leave out a rule, see `vision-contract rules`; may be repeated",
    )


def _output(command: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    command.add_argument("--format", choices=formats, default="text", help="default: text")
    command.add_argument("--output", type=Path, help="file to write (default: standard output)")


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"expected at least 0, received {text}")
    return seed


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, received {text}")
    return count
