"""RapidJSON's parser: its state table, its texts and its offsets, which are part of answers."""

from __future__ import annotations

import math
import re
from typing import Any, NoReturn

from model_server.errors import invalid_argument

ENCODING = "utf-8", "surrogateescape"
"""How strings are kept: bytes that are no UTF-8 pass through, as there."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BLANK = re.compile(rb"[ \n\r\t]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_DIGITS = re.compile(rb"[0-9]+")
_WORDS = {b"n": (b"null", None), b"t": (b"true", True), b"f": (b"false", False)}
_ESCAPES = {
    b'"': '"',
    b"\\": "\\",
    b"/": "/",
    b"b": "\b",
    b"f": "\f",
    b"n": "\n",
    b"r": "\r",
    b"t": "\t",
}
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1

_TOO_BIG = "Number too big to be stored in double."
_MISS_ELEMENT = "Missing a comma or ']' after an array element."
_MISS_MEMBER = "Missing a comma or '}' after an object member."
_MISS_NAME = "Missing a name for object member."
_MISS_COLON = "Missing a colon after a name of object member."
_MISS_QUOTE = "Missing a closing quotation mark in string."
_INVALID_VALUE = "Invalid value."
_INVALID_ESCAPE = "Invalid escape character in string."
_INVALID_PAIR = "The surrogate pair in string is invalid."
_INVALID_HEX = "Incorrect hex digit after \\u escape in string."


class Parser:
    """RapidJSON's iterative parser: one container open at a time, the others on a stack."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte of a text, or after its byte-order mark."""
        self._data = data
        self._at = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0

    def parse(self) -> Any:
        """Return the first value.

        Raises:
            ServingError: INVALID_ARGUMENT with RapidJSON's text and the offset in bytes.
        """
        self._skip_blanks()
        if self._peek() in (b"", b"]", b"}", b",", b":"):
            self._fail("The document is empty.")
        containers: list[Any] = []
        keys: list[str] = []  # of the member that comes next, for each container
        while True:
            value = self._value()
            if isinstance(value, dict | list):  # only its opening bracket has been read
                containers.append(value)
                keys.append("")
                self._skip_blanks()
                if not self._take(_closing(value)):
                    keys[-1] = self._key(value)
                    continue
                containers.pop()
                keys.pop()
            while containers:
                container = containers[-1]
                if isinstance(container, dict):
                    container.setdefault(keys[-1], value)
                else:
                    container.append(value)
                self._skip_blanks()
                if self._take(b","):
                    keys[-1] = self._key(container)
                    break
                if not self._take(_closing(container)):
                    self._fail(_MISS_MEMBER if isinstance(container, dict) else _MISS_ELEMENT)
                value = containers.pop()
                keys.pop()
            else:
                return value

    def _key(self, container: Any) -> str:
        """Read ``"name":`` where the container is an object."""
        self._skip_blanks()
        if not isinstance(container, dict):
            return ""
        if self._peek() != b'"':
            self._fail(_MISS_NAME)
        name = self._string()
        self._skip_blanks()
        if not self._take(b":"):
            self._fail(_MISS_COLON)
        return name

    def _value(self) -> Any:
        """Read a value; of an array or an object only the opening bracket."""
        self._skip_blanks()
        first = self._peek()
        if first == b"[":
            self._at += 1
            return []
        if first == b"{":
            self._at += 1
            return {}
        if first == b'"':
            return self._string()
        if first in _WORDS:
            word, value = _WORDS[first]
            self._word(word)
            return value
        return self._number()

    def _number(self) -> int | float:
        start = self._at
        minus = self._take(b"-")
        if not self._take(b"0") and not self._digits():
            return self._no_number(minus)
        is_float = False
        if self._take(b"."):
            is_float = True
            if not self._digits():
                self._fail("Miss fraction part in number.")
        if self._take(b"e") or self._take(b"E"):
            is_float = True
            if not self._take(b"+"):
                self._take(b"-")
            if not self._digits():
                self._fail("Miss exponent in number.")
        text = self._data[start : self._at].decode()
        if not is_float and len(text) < 25:  # 64 bits have 20 digits
            integer = int(text)
            if _INT64_MIN <= integer <= _UINT64_MAX:
                return integer
        number = float(text)
        if math.isinf(number):
            self._at = start
            self._fail(_TOO_BIG)
        return number

    def _no_number(self, minus: bool) -> float:
        word = b"NaN" if self._peek() == b"N" else b"Inf"
        if self._data[self._at : self._at + 4] == b"Infi":
            word = b"Infinity"
        self._word(word)
        number = math.nan if word == b"NaN" else math.inf
        return -number if minus else number

    def _word(self, word: bytes) -> None:
        for position in range(len(word)):
            if not self._take(word[position : position + 1]):
                self._fail(_INVALID_VALUE)

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        while True:
            end = _PLAIN.match(self._data, self._at).end()  # type: ignore[union-attr]  # any text
            parts.append(self._data[self._at : end].decode(*ENCODING))
            self._at = end
            found = self._peek()
            if found == b'"':
                self._at += 1
                return "".join(parts)
            if found != b"\\":
                is_end = found in (b"", b"\x00")
                self._fail(_MISS_QUOTE if is_end else _INVALID_ESCAPE)
            parts.append(self._escape())

    def _escape(self) -> str:
        start = self._at
        kind = self._data[start + 1 : start + 2]
        if kind in _ESCAPES:
            self._at += 2
            return _ESCAPES[kind]
        if kind != b"u":
            self._fail(_INVALID_ESCAPE)
        self._at += 2
        code = self._hex(start)
        if 0xD800 <= code <= 0xDBFF:
            if self._data[self._at : self._at + 2] != b"\\u":
                self._at = start
                self._fail(_INVALID_PAIR)
            self._at += 2
            low = self._hex(start)
            if not 0xDC00 <= low <= 0xDFFF:
                self._at = start
                self._fail(_INVALID_PAIR)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        if 0xDC00 <= code <= 0xDFFF:  # the second half alone is written as it is
            return chr(code).encode("utf-8", "surrogatepass").decode(*ENCODING)
        return chr(code)

    def _hex(self, start: int) -> int:
        found = _HEX.match(self._data, self._at)
        if found is None:
            self._at = start
            self._fail(_INVALID_HEX)
        self._at += 4
        return int(found[0], 16)

    def _digits(self) -> bool:
        found = _DIGITS.match(self._data, self._at)
        if found is None:
            return False
        self._at = found.end()
        return True

    def _peek(self) -> bytes:
        """Return the next byte; none at the end, of which a NUL is one."""
        found = self._data[self._at : self._at + 1]
        return b"" if found == b"\x00" else found

    def _take(self, byte: bytes) -> bool:
        if self._data[self._at : self._at + 1] != byte:
            return False
        self._at += 1
        return True

    def _skip_blanks(self) -> None:
        self._at = _BLANK.match(self._data, self._at).end()  # type: ignore[union-attr]  # any text

    def _fail(self, text: str) -> NoReturn:
        raise invalid_argument(f"JSON Parse error: {text} at offset: {self._at}")


def _closing(container: Any) -> bytes:
    return b"}" if isinstance(container, dict) else b"]"
