"""Flags as TensorFlow's own parser takes them: ``--flag=value``, and ``--flag`` for a boolean.

TensorFlow Serving ignores what it cannot parse that way (``--port 8500``, ``--noenable_batching``)
and starts with the default; here it is an error that says how to write it.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from model_server.errors import UsageError

_INTEGER = re.compile(r"\s*[+-]?[0-9]+")
_WIDTHS = {"int32": 32, "int64": 64}


class State(enum.Enum):
    """What the embedded server does with a flag."""

    HONOURED = "honoured"
    DEFAULT_ONLY = "default only"
    OWN = "not in TensorFlow Serving"


@dataclass(frozen=True)
class Flag:
    """A flag.

    Attributes:
        name: Without dashes.
        kind: ``int32``, ``int64``, ``float``, ``bool`` or ``string``, as TensorFlow names them.
        default: Its value when it is not given.
        state: Whether the embedded server honours it.
        text: What it does; with :attr:`State.DEFAULT_ONLY`, why nothing else is accepted.
    """

    name: str
    kind: str
    default: Any
    state: State
    text: str


def flag(default: Any, text: str, kind: str = "", state: State = State.HONOURED) -> Any:
    """Declare a dataclass field that is a flag.

    Args:
        default: Its value when it is not given.
        text: What it does.
        kind: As :attr:`Flag.kind`; empty derives it from the default (``int32`` for an int).
        state: Whether it is honoured.
    """
    kind = kind or {bool: "bool", int: "int32", float: "float", str: "string"}[type(default)]
    return dataclasses.field(default=default, metadata={"text": text, "kind": kind, "state": state})


def declared(options: type) -> dict[str, Flag]:
    """Return the flags that a dataclass of options declares, by name, in its order."""
    return {
        field.name: Flag(
            field.name,
            field.metadata["kind"],
            field.default,
            field.metadata["state"],
            field.metadata["text"],
        )
        for field in dataclasses.fields(options)
    }


def read(arguments: Sequence[str], known: Mapping[str, Flag]) -> dict[str, Any]:
    """Read a command line.

    Args:
        arguments: Without the program's name.
        known: The flags there are.

    Returns:
        Value by name for each flag given; one given twice has its last value.

    Raises:
        UsageError: An unknown flag (the closest known one is named), a value that is missing or of
            the wrong type, or an argument that is not a flag.
    """
    values = {}
    for argument in arguments:
        if not argument.startswith("--") or argument == "--":
            raise UsageError(
                f"{argument!r} is not a flag; flags look like --port=8500, the value after an "
                "equals sign"
            )
        name, equals, text = argument[2:].partition("=")
        if name not in known:
            _unknown(name, known)
        values[name] = value(known[name], text if equals else None)
    return values


def split(arguments: Sequence[str], names: frozenset[str]) -> tuple[list[str], list[str]]:
    """Divide a command line into the arguments that are flags called ``names`` and the others."""
    chosen = [a for a in arguments if a.startswith("--") and a[2:].partition("=")[0] in names]
    return chosen, [argument for argument in arguments if argument not in chosen]


def value(of: Flag, text: str | None) -> Any:
    """Read one flag's value.

    Args:
        of: The flag.
        text: What stands after the equals sign; None without one.

    Raises:
        UsageError: The text is no value of the flag's kind.
    """
    if of.kind == "bool":
        if text is None or text.lower() == "true" or text == "1":
            return True
        if text.lower() == "false" or text == "0":
            return False
        raise UsageError(f"--{of.name} expects true or false, received {text!r}")
    if text is None:
        raise UsageError(
            f"--{of.name} needs a value after an equals sign: --{of.name}={show(of.default) or '…'}"
        )
    if of.kind in _WIDTHS:
        return _integer(of, text)
    if of.kind == "float":
        try:
            return float(text)
        except ValueError:
            raise UsageError(f"--{of.name} expects a number, received {text!r}") from None
    return text


def show(found: Any) -> str:
    """Return a value as it is written on a command line."""
    return str(found).lower() if isinstance(found, bool) else str(found)


def _integer(of: Flag, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise UsageError(f"--{of.name} expects a whole number, received {text!r}")
    number = int(text)
    limit = 2 ** (_WIDTHS[of.kind] - 1)
    if not -limit <= number < limit:
        raise UsageError(f"--{of.name} expects {-limit} to {limit - 1}, received {text}")
    return number


def _unknown(name: str, known: Mapping[str, Flag]) -> NoReturn:
    positive = known.get(name.removeprefix("no"))
    if positive is not None and positive.kind == "bool":
        raise UsageError(
            f"unknown flag --{name}: TensorFlow's flags have no such form; write "
            f"--{positive.name}=false"
        )
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean --{close[0]}?" if close else ""
    raise UsageError(f"unknown flag --{name}{hint} (--help lists the flags)")
