"""Parsed JSON as TensorFlow Serving's errors show it: the text of RapidJSON's pretty writer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

INDENT = "    "

_LONGEST_SHOWN = 256
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1
# Positions of the decimal point between which RapidJSON writes no exponent (dtoa.h).
_LONGEST_PLAIN, _SMALLEST_PLAIN = 21, -6


def kind_of(value: Any) -> str:
    """Return RapidJSON's name of a value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    names = ((dict, "Object"), (list, "Array"), (str, "String"))
    return next((name for kind, name in names if isinstance(value, kind)), "Number")


def text_of(value: str) -> str:
    """Return a string as JSON writes it."""
    return json.dumps(value, ensure_ascii=False)


def show(value: Any) -> str:
    """Return a parsed value as errors show it: arrays in one line, cut after 256 bytes.

    An error must not send a request of megabytes back.
    """
    shown: list[str] = []
    size = 0
    for token in _tokens(value):
        if size >= _LONGEST_SHOWN:
            break
        shown.append(token)
        size += len(token.encode("utf-8", "surrogateescape"))
    return "".join(shown)


def _tokens(value: Any) -> Iterator[str]:
    """Yield a value's tokens, each with the comma, break and indentation before it."""
    open_containers: list[tuple[Iterator[tuple[int, Any]], bool]] = []
    before = ""
    while True:
        if isinstance(value, dict | list):
            is_object = isinstance(value, dict)
            yield before + ("{" if is_object else "[")
            open_containers.append(
                (enumerate(value.items() if isinstance(value, dict) else value), is_object)
            )
            is_empty = True
        else:
            text = _scalar(value)
            if text is None:  # what JSON has no word for ends the writing
                return
            yield before + text
        while open_containers:
            members, is_object = open_containers[-1]
            position, member = next(members, (-1, ("", None)))
            if position >= 0:
                break
            open_containers.pop()
            line = "" if is_empty or not is_object else "\n" + INDENT * len(open_containers)
            yield line + ("}" if is_object else "]")
            is_empty = False
        else:
            return
        is_empty = False
        if is_object:
            name, value = member
            line = "\n" + INDENT * len(open_containers)
            yield ("," if position else "") + line + text_of(name)
            before = ": "
        else:
            value = member
            before = ", " if position else ""


def _scalar(value: Any) -> str | None:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if _INT64_MIN <= value <= _UINT64_MAX:
            return str(value)
        value = float(value)
    if isinstance(value, float):
        return _shortest(value) if math.isfinite(value) else None
    return json.dumps(value)


def _shortest(value: float) -> str:
    """Return a double as RapidJSON's writer does: 100.0, 1e30, 1.5e-7."""
    text, _, exponent = repr(value).partition("e")
    if not exponent:
        return text
    sign = "-" if value < 0 else ""
    digits = text.replace(".", "").removeprefix("-")
    point = int(exponent) + 1
    if len(digits) <= point <= _LONGEST_PLAIN:
        return f"{sign}{digits}{'0' * (point - len(digits))}.0"
    if _SMALLEST_PLAIN < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"
