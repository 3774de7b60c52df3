"""JSON as TensorFlow Serving's REST API reads it: RapidJSON 1.1.0 with NaN and infinities.

Python's own parser is fast and nearly the same. Where the two differ, in what they accept or in the
words of an error, the body is read again by a parser here that follows RapidJSON's state table; its
texts and offsets are part of the answers that clients see.

What differs: RapidJSON stops after the first value, takes the first of two equal keys, knows
``Inf`` and ``-NaN``, refuses numbers that no double holds and half a surrogate pair, and takes
strings for UTF-8 without looking.
"""

from __future__ import annotations

import json
import re
from typing import Any

from model_server.errors import invalid_argument
from model_server.rest_api.json_parser import BYTE_ORDER_MARK, ENCODING, Parser
from model_server.rest_api.json_text import show

# What Python accepts and RapidJSON refuses can only be where one of these is, digits as zeros:
# numbers that no double may hold, and halves of surrogate pairs.
_ZEROS = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE = (b"e000", b"e+000", b"0" * 300)
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a request's body, which must be a JSON object.

    Integers that 64 bits cannot hold come as floats, as there.

    Raises:
        ServingError: INVALID_ARGUMENT with RapidJSON's text and the offset in bytes.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    document = parse(body)
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {show(document)} Is not object")
    return document


def parse(body: bytes) -> Any:
    """Parse the first JSON value of a text.

    Raises:
        ServingError: INVALID_ARGUMENT with RapidJSON's text and the offset in bytes.
    """
    if not _may_differ(body):
        try:
            text = body.removeprefix(BYTE_ORDER_MARK).decode(*ENCODING)
            return json.loads(text, object_pairs_hook=_first_of_equal_keys)
        except (ValueError, RecursionError):
            pass  # the other parser says what is wrong, or that nothing is
    return Parser(body).parse()


def _may_differ(body: bytes) -> bool:
    zeros = body.translate(_ZEROS)
    return any(mark in zeros for mark in _LARGE) or _HALF_PAIR.search(body) is not None


def _first_of_equal_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else dict(reversed(pairs))
