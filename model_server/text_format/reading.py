"""Configuration files: protobuf text format, every mistake with its file and line."""

from __future__ import annotations

import codecs
import logging
import re
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from model_server.errors import UsageError
from model_server.text_format import field_treatments
from protos.pool import POOL

logger = logging.getLogger(__name__)

AnyMessage = TypeVar("AnyMessage", bound=Message)

# The longer first: UTF-32's begins with UTF-16's.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_message(path: Path, message: AnyMessage) -> AnyMessage:
    """Fill ``message`` from a file in protobuf text format, warning of fields without effect.

    Args:
        path: The file.
        message: An empty message of the type the file holds; it is filled and returned.

    Raises:
        UsageError: The file cannot be read or parsed; the message starts with ``file:line:column``.
    """
    parse(read(path), path, message)
    for warning in field_treatments.warnings(message):
        logger.warning("%s: %s", path, warning)
    return message


def read(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        UsageError: The file cannot be read, or is in another encoding.
    """
    try:
        data = path.read_bytes()
        for mark, name in _OTHER_MARKS:
            if data.startswith(mark):
                raise UsageError(
                    f"{path}: cannot be read: it begins with the byte-order mark of {name}; save "
                    "it as UTF-8"
                )
        # UTF-8's own mark is skipped, as by protobuf's parser.
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise UsageError(f"{path}: cannot be read: {reason}") from err


def parse(text: str, path: Path, message: AnyMessage) -> AnyMessage:
    """Fill ``message`` from text.

    Args:
        text: A message in protobuf text format.
        path: The file that it is from, for the error.
        message: An empty message; it is filled and returned.

    Raises:
        UsageError: The text cannot be parsed; the error starts with ``file:line:column``.
    """
    try:
        # The pool is where an Any in its readable form is looked up.
        return text_format.Parse(text, message, descriptor_pool=POOL)
    except text_format.ParseError as err:
        # The error's own text starts with "line:column : " where it knows them.
        reason = re.sub(r"^\d+:\d+ : ", "", str(err))
        place = f"{path}:{err.GetLine() or 1}"
        if err.GetColumn():
            place += f":{err.GetColumn()}"
        kind = message.DESCRIPTOR.full_name
        raise UsageError(f"{place}: Error parsing text-format {kind}: {reason}") from err


def line_of(field: str, text: str) -> int:
    """Return the line that first names a field, 1 when none does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(rf"\b{field}\b", line.partition("#")[0]):
            return number
    return 1
