"""JSON as TensorFlow Serving's REST API reads and writes it.

Its parser is RapidJSON with NaN and infinities allowed; the texts of its errors are part of the
recorded answers, so Python's are translated to them.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from model_server.errors import invalid_argument

Array = np.ndarray[Any, Any]

_LONGEST_SHOWN = 1000  # an error must not send a request of megabytes back

_TEXTS = (
    ("Expecting property name", "Missing a name for object member."),
    ("Illegal trailing comma", "Missing a name for object member."),
    ("Expecting ':' delimiter", "Missing a colon after a name of object member."),
    ("Expecting value", "Invalid value."),
    ("Extra data", "The document root must not be followed by other values."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid \\u", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\", "Invalid escape character in string."),
    ("Invalid control character", "Invalid encoding in string."),
)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a request's body, which must be a JSON object.

    Raises:
        ServingError: INVALID_ARGUMENT with RapidJSON's text and the offset in bytes.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise _parse_error("Invalid encoding in string.", err.start) from err
    try:
        document = json.loads(text)
    except json.JSONDecodeError as err:
        offset = len(text[: err.pos].encode())
        raise _parse_error(_rapidjson_text(err, text), offset) from err
    except (RecursionError, ValueError) as err:  # too deep, or a number of thousands of digits
        raise invalid_argument("JSON Parse error: Terminate parsing due to Handler error.") from err
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {show(document)} Is not object")
    return document


def show(value: Any) -> str:
    """Return a value as RapidJSON prints it, cut when it is long."""
    try:
        text = json.dumps(value, indent=4, ensure_ascii=False)
    except RecursionError:
        text = "(nested too deeply)"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...TRUNCATED"


def kind_of(value: Any) -> str:
    """Return RapidJSON's name of a value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    names = ((dict, "Object"), (list, "Array"), (str, "String"))
    return next((name for kind, name in names if isinstance(value, kind)), "Number")


def values_of(array: Array, as_base64: bool) -> Any:
    """Turn an output into nested lists that :func:`json.dumps` writes well.

    Args:
        array: Any output; strings are ``bytes`` in an object array.
        as_base64: Write strings as ``{"b64": …}``, for outputs named ``…_bytes``.

    Returns:
        Nested lists, or a plain value for a scalar.

    Raises:
        ServingError: INVALID_ARGUMENT for a dtype that JSON cannot carry, as in TensorFlow Serving.
    """
    if array.dtype == object:
        flat = np.empty(array.size, object)
        flat[:] = [
            {"b64": base64.b64encode(item).decode()}
            if as_base64
            else item.decode("utf-8", "replace")
            for item in array.ravel()
        ]
        return flat.reshape(array.shape).tolist()
    if array.dtype == np.float32:
        # As float64 0.1 would be 0.10000000149011612; its shortest text reads back the same.
        return array.astype("U32").astype(np.float64).tolist()
    if array.dtype.kind in "iub" or array.dtype == np.float64:
        return array.tolist()
    name = "half" if array.dtype == np.float16 else array.dtype.name
    raise invalid_argument(f"Failed to write JSON value for tensor type: {name}")


def _parse_error(text: str, offset: int) -> Exception:
    return invalid_argument(f"JSON Parse error: {text} at offset: {offset}")


def _rapidjson_text(err: json.JSONDecodeError, text: str) -> str:
    if not text.strip():
        return "The document is empty."
    if err.msg.startswith("Expecting ',' delimiter"):
        if _innermost_bracket(text, err.pos) == "[":
            return "Missing a comma or ] after an array element."
        return "Missing a comma or } after an object member."
    return next((ours for theirs, ours in _TEXTS if err.msg.startswith(theirs)), "Invalid value.")


def _innermost_bracket(text: str, end: int) -> str:
    brackets: list[str] = []
    position = 0
    while position < end:
        character = text[position]
        if character == '"':
            position += 1
            while position < end and text[position] != '"':
                position += 2 if text[position] == "\\" else 1
        elif character in "[{":
            brackets.append(character)
        elif character in "]}" and brackets:
            brackets.pop()
        position += 1
    return brackets[-1] if brackets else ""
