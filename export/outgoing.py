"""What leaves a command: log lines, messages and results, without secrets and control characters.

The one place through which all of it goes. Rows and files of lineage are redacted where their
values are set (:mod:`export.lineage.schema`), by the same rules.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import traceback
import unicodedata
from typing import Any, NoReturn

from export.redaction import redact, redacted

_KEPT = "\n\t"
# Direction marks (bidirectional text) can make a terminal show a line in another order.
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def printable(text: str, kept: str = _KEPT) -> str:
    r"""Return a text that moves no cursor and changes no colour.

    Args:
        text: May come from anywhere: a row of a database, a file's name, a server's answer.
        kept: Control characters that stay.

    Returns:
        Control characters, direction marks and what cannot be encoded as escapes: ``\x1b``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in kept or not _is_control(character)
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def clean(text: str) -> str:
    """Return a text without secrets and control characters."""
    return printable(redact(text))


def say(text: str) -> None:
    """Write a message for people to standard error."""
    print(clean(text), file=sys.stderr)  # noqa: T201


def answer(result: Any) -> None:
    """Write a command's result to standard output: one line of JSON."""
    print(json.dumps(redacted(result)))  # noqa: T201


def say_unexpected() -> None:
    """Write the exception that is being handled, with its traceback."""
    say(traceback.format_exc().rstrip())


class Formatter(logging.Formatter):
    """Log lines, and the tracebacks under them, as they may leave."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return clean(super().format(record))


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments without repeating the secrets among them."""

    def error(self, message: str) -> NoReturn:
        """Write the message and end the process with exit code 2."""
        super().error(clean(message))


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        category in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(character) in _DIRECTIONS
    )
