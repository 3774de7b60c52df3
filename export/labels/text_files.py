"""Text, JSON and numbers as other programs leave them: byte-order marks, lines for messages."""

from __future__ import annotations

import codecs
import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from export.labels.annotations import UnreadableError

# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHOWN = 60
_FIRST = 10


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        UnreadableError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as err:
        raise UnreadableError(path, f"cannot be read: {err.strerror}") from err


def encoding_by_mark(content: bytes) -> tuple[str, int] | None:
    """Return the encoding that a byte-order mark says, and the mark's length."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    return None


def decode(path: Path, content: bytes, encoding: str = "utf-8") -> str:
    """Decode a file's text; a byte-order mark goes before ``encoding``.

    Raises:
        UnreadableError: The bytes are not in that encoding, with the line, or nobody knows it.
    """
    if marked := encoding_by_mark(content):
        encoding, length = marked
        content = content[length:]
    try:
        return content.decode(encoding)
    except LookupError:
        raise UnreadableError(path, f"the encoding {encoding!r} is not known", 1) from None
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise UnreadableError(
            path, f"is no {encoding.upper()} text (byte 0x{content[err.start]:02x})", line
        ) from err


def lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text file that are not empty, stripped, each with its number from 1.

    Raises:
        UnreadableError: It cannot be read.
    """
    text = decode(path, read_bytes(path))
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in stripped if line]


class JsonFile:
    """A JSON document that knows in which line its parts stand.

    Attributes:
        path: The file.
        document: What it says.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            UnreadableError: It is no JSON; with the line.
        """
        self.path = path
        self._text = decode(path, read_bytes(path))
        try:
            self.document: Any = json.loads(self._text)
        except json.JSONDecodeError as err:
            raise UnreadableError(path, f"broken JSON: {err.msg}", err.lineno) from err
        except ValueError as err:  # a number of thousands of digits
            raise UnreadableError(path, f"broken JSON: {err}") from err
        except RecursionError as err:
            raise UnreadableError(path, "broken JSON: nested too deeply to be labels") from err
        if "\n" not in self._text.strip():
            self._text = ""  # half a gigabyte of COCO's in one line: nothing to look up in it

    def line(self, index: int, key: str | None = None) -> int:
        """Return the line in which an entry of a list begins, from 1.

        Args:
            index: The entry's position.
            key: Under which the outermost object has the list; None: the document is the list.
        """
        if not self._text:  # one line, as most programs write it
            return 1
        if key not in self._starts:
            self._starts[key] = self._entries(key)
        starts = self._starts[key]
        offset = starts[index] if index < len(starts) else 0
        return bisect_right(self._line_ends, offset) + 1

    @cached_property
    def _starts(self) -> dict[str | None, list[int]]:
        return {}

    @cached_property
    def _line_ends(self) -> list[int]:
        return [found.end() for found in re.finditer("\n", self._text)]

    def _entries(self, key: str | None) -> list[int]:
        """Return where each entry of a list begins in the text."""
        decoder = json.JSONDecoder()
        at = self._skip(0, "")
        if key is not None:
            at = self._skip(at, "{")
            while self._text[at] != "}":
                name, at = decoder.raw_decode(self._text, at)
                at = self._skip(at, ":")
                if name == key:
                    break
                at = self._skip(decoder.raw_decode(self._text, at)[1], ",")
        starts = []
        at = self._skip(at, "[")
        while self._text[at] != "]":
            starts.append(at)
            at = self._skip(decoder.raw_decode(self._text, at)[1], ",")
        return starts

    def _skip(self, at: int, characters: str) -> int:
        while self._text[at] in f" \t\r\n{characters}":
            at += 1
        return at


def begins_with(entries: Any, is_one: Callable[[dict[str, Any]], bool]) -> bool:
    """Tell whether a value is a list and any of its first entries an object of some kind."""
    return isinstance(entries, list) and any(
        isinstance(entry, dict) and is_one(entry) for entry in entries[:_FIRST]
    )


def number(value: Any) -> float:
    """Return a number that a file states as one, or as text.

    Raises:
        ValueError: It is none, or not finite.
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{shown(value)} is no number") from None
    if not math.isfinite(found):
        raise ValueError(f"{shown(value)} is not finite")
    return found


def size(width: Any, height: Any) -> tuple[int, int] | None:
    """Return the width and height that a file states; None where it states none, or zero."""
    try:
        found = round(number(width)), round(number(height))
    except ValueError:
        return None
    return found if min(found) > 0 else None


def text(value: Any) -> str:
    """Return a text that a file states, stripped; empty where it states none.

    Some tools write class names that look like numbers as numbers.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def shown(value: Any) -> str:
    """Return a value of a file, short enough for a message."""
    full = repr(value)
    return full if len(full) <= _SHOWN else f"{full[: _SHOWN - 1]}…"
