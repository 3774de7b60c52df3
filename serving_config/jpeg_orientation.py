"""How a JPEG file says which way up its picture is: the EXIF orientation, read without a decoder.

A phone stores a picture as its sensor lies and notes how to hold it. The layout of the file is that
of ITU-T T.81 (B.1.1), the note's that of CIPA DC-008 (Exif 2.32, 4.5 and 4.6.4): a TIFF header in
either byte order, then entries of 12 bytes.

What counts is the first entry 0x0112 of the first IFD of the first EXIF segment, one SHORT or LONG
of 1 to 8, in a segment that begins in the first 128 KiB, before the image data. Anything else (no
segment, a broken one, another value, an orientation in XMP or in a PNG file) leaves the picture as
it is stored: a note never refuses a picture whose pixels are whole.

The served graph reads by the same rule in TensorFlow's operations (``export.upright``), Java in
``io.thecodeforge.ml.image.JpegOrientation``; one file of cases holds the three to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

UPRIGHT = 1
"""The orientation of a picture that is stored as it is to be seen."""

SEARCHED_BYTES = 2**17
"""An EXIF segment that begins later is not looked for; Exif wants it first, others go before it."""

APP1 = 0xE1
NAME = b"Exif\0\0"
TAG = 0x0112
ENTRY_BYTES = 12
SHORT, LONG = 3, 4

JPEG_START = b"\xff\xd8\xff"
_FILL, _START_OF_SCAN, _END_OF_IMAGE = 0xFF, 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows


def jpeg_orientation(file: bytes) -> int:
    """Return the orientation that a JPEG file notes.

    Args:
        file: The whole file, or its beginning with the EXIF segment.

    Returns:
        1 to 8, as Exif numbers them: 1 upright, 2 mirrored, 3 turned by 180 degrees, 4 mirrored
        upside down, 5 transposed, 6 to be turned clockwise by 90 degrees, 7 transposed on the other
        diagonal, 8 to be turned anticlockwise. 1 where the file notes none.
    """
    for marker, content in segments(file, SEARCHED_BYTES):
        if marker == APP1 and content.startswith(NAME):
            return _tiff_orientation(content[len(NAME) :])
    return UPRIGHT


def segments(file: bytes, searched: int) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of the segments before a JPEG file's image data.

    Args:
        file: The whole file, or its beginning.
        searched: Segments that begin at this byte or later are left out.
    """
    if not file.startswith(JPEG_START):
        return
    position = 2
    while position < min(len(file), searched) and file[position] == _FILL:
        marker = int.from_bytes(file[position + 1 : position + 2])
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            break
        if marker == _FILL:
            position += 1
        elif marker in _ALONE:
            position += 2
        else:
            end = position + 2 + int.from_bytes(file[position + 2 : position + 4])
            yield marker, file[position + 4 : end]
            position = max(end, position + 2)


def _tiff_orientation(tiff: bytes) -> int:
    order: Literal["little", "big"]
    if tiff.startswith(b"II*\0"):
        order = "little"
    elif tiff.startswith(b"MM\0*"):
        order = "big"
    else:
        return UPRIGHT
    start = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[start : start + 2], order)
    entries = tiff[start + 2 : start + 2 + count * ENTRY_BYTES]
    for at in range(0, len(entries) - ENTRY_BYTES + 1, ENTRY_BYTES):
        tag, kind = (int.from_bytes(entries[at + i : at + i + 2], order) for i in (0, 2))
        if tag == TAG:
            values = int.from_bytes(entries[at + 4 : at + 8], order)
            size = {SHORT: 2, LONG: 4}.get(kind, 0)
            value = int.from_bytes(entries[at + 8 : at + 8 + size], order)
            return value if values == 1 and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
