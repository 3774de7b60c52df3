"""Reads TFRecord files without TensorFlow, in its words where one is damaged.

The format (``record_writer.h``): length, a uint64; its masked CRC-32C; that many bytes; theirs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_HEADER = _LENGTH.size + _CHECKSUM.size
_MASK = 0xA282EAD8


class RecordError(ValueError):
    """A file is damaged, or no TFRecord file."""


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file, in order.

    Args:
        path: The file, uncompressed.

    Raises:
        RecordError: In TensorFlow's words, when the place is reached.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        # What is left of a cut header counts as the file's end, there too.
        while size - (start := file.tell()) >= _HEADER:
            (length,) = _LENGTH.unpack(_checked(file, _LENGTH.size))
            if length + _CHECKSUM.size > size - file.tell():  # before memory is taken for it
                raise RecordError(
                    f"truncated record at {start}' failed with Read less bytes than requested"
                )
            yield _checked(file, length)


def _checked(file: BinaryIO, length: int) -> bytes:
    """Read bytes and hold them to the checksum after them."""
    offset, data = file.tell(), file.read(length)
    (stated,) = _CHECKSUM.unpack(file.read(_CHECKSUM.size))
    found: int = google_crc32c.value(data)
    if stated != ((found >> 15 | found << 17) + _MASK) & 0xFFFFFFFF:
        doubt = "" if offset else " (Is this even a TFRecord file?)"
        raise RecordError(f"corrupted record at {offset}{doubt}")
    return data
