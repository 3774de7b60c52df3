"""JPEG files as cameras, phones and broken programs write them, each with the orientation it has.

What stands here is held to Pillow's reading where Pillow reads by the same rule
(``tests/serving_config/test_image_files.py``), and to it the served graph and Java.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

LITTLE, BIG = "<", ">"
_STORED_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Case:
    """A file.

    Attributes:
        file: The whole JPEG file.
        orientation: What it notes, by the rule of ``serving_config.jpeg_orientation``.
        pillow_agrees: Whether Pillow reads the same.
    """

    file: bytes
    orientation: int
    pillow_agrees: bool = True


def lying(picture: Image.Image, orientation: int, order: str = LITTLE, **how: Any) -> bytes:
    """Return an upright picture as a JPEG file that is stored as ``orientation`` says."""
    stored = picture
    if orientation in _STORED_BY:
        stored = picture.transpose(_STORED_BY[orientation])
    return with_segments(_jpeg(stored, **how), exif(tiff([entry(orientation, order)], order)))


def picture(height: int = 37, width: int = 60) -> Image.Image:
    """Return a picture without any symmetry, smooth, so that JPEG keeps it."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / width, 255 * y / height
    blue = 120 + 100 * np.sin(x / 9 + y / 5)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def cases() -> dict[str, Case]:
    """Return all cases by name."""
    found = {
        f"{order_name} endian {number}": Case(lying(picture(), number, order), number)
        for order_name, order in (("little", LITTLE), ("big", BIG))
        for number in range(1, 9)
    }
    plain = _jpeg(picture())

    def noted(*entries: bytes, order: str = LITTLE, **where: Any) -> bytes:
        return with_segments(plain, exif(tiff(list(entries), order, **where)))

    six = exif(tiff([entry(6)]))
    comment = segment(0xFE, b"a comment")
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000))
    other = entry(7, tag=0x0110)
    found |= {
        "no note": Case(plain, 1),
        "no JFIF segment either": Case(plain[:2] + plain[2 + 18 :], 1),
        "orientation 0": Case(noted(entry(0)), 1),
        "orientation 9": Case(noted(entry(9)), 1),
        "orientation 65535": Case(noted(entry(65_535)), 1),
        "a long": Case(noted(entry(6, kind=4)), 6),
        "a long, big endian": Case(noted(entry(8, BIG, kind=4), order=BIG), 8),
        "a long above 65535": Case(noted(entry(6 + 2**16, kind=4)), 1),
        "a byte": Case(noted(entry(6, kind=1)), 1),
        "two values": Case(noted(entry(6, count=2)), 1, pillow_agrees=False),
        "no value": Case(noted(entry(6, count=0)), 1),
        "behind other entries": Case(noted(other, other, entry(3)), 3),
        "twice": Case(noted(entry(6), entry(8)), 6),
        "an empty directory": Case(noted(), 1),
        "more entries promised than there are": Case(noted(entry(6), promised=50), 6),
        "a directory in the end of the segment": Case(noted(entry(8), start=60_000), 8),
        "a directory beyond the segment": Case(noted(entry(8), start=8, said=70_000), 1),
        "a directory at 2 to the 32": Case(noted(entry(8), start=8, said=2**32 - 1), 1),
        "a directory in the header": Case(noted(entry(8), start=8, said=0), 1),
        "cut off in the entry": Case(with_segments(plain, exif(tiff([entry(6)])[:18])), 1),
        "cut off in the header": Case(with_segments(plain, exif(b"II*\0")), 1),
        "nothing behind the name": Case(with_segments(plain, exif(b"")), 1),
        "not TIFF": Case(with_segments(plain, exif(b"XX" + tiff([entry(6)])[2:])), 1),
        "another magic number": Case(
            with_segments(plain, exif(b"II\x55\0" + tiff([entry(6)])[4:])), 1
        ),
        "a name without its zeros": Case(
            with_segments(plain, segment(0xE1, b"Exif" + tiff([entry(6)]))), 1
        ),
        "the name in a comment": Case(
            with_segments(plain, segment(0xFE, b"Exif\0\0" + tiff([entry(6)]))), 1
        ),
        "behind a comment": Case(with_segments(plain, comment, six), 6),
        "behind XMP": Case(with_segments(plain, xmp, six), 6),
        "behind a colour profile": Case(with_segments(plain, profile, six), 6),
        "behind 130 kB of colour profile": Case(
            with_segments(plain, profile, profile, profile, six), 1, pillow_agrees=False
        ),
        "only XMP says it": Case(
            with_segments(
                plain,
                segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"></x>'),
            ),
            1,
            pillow_agrees=False,
        ),
        "fill bytes before the marker": Case(with_segments(plain, b"\xff\xff\xff" + six), 6),
        "the largest segment": Case(noted(*[other] * 5_000, entry(6), promised=5_001), 6),
        "behind the picture": Case(plain[:-2] + six + plain[-2:], 1),
    }
    return found


def entry(
    orientation: int, order: str = LITTLE, *, tag: int = 0x0112, kind: int = 3, count: int = 1
) -> bytes:
    """Return one entry of a TIFF directory."""
    value = struct.pack(f"{order}HH", orientation, 0) if kind != 4 else b""
    return struct.pack(f"{order}HHI", tag, kind, count) + (
        value or struct.pack(f"{order}I", orientation)
    )


def tiff(
    entries: list[bytes],
    order: str = LITTLE,
    *,
    start: int = 8,
    said: int | None = None,
    promised: int | None = None,
) -> bytes:
    """Return a TIFF structure with one directory, as it is or as it wrongly ``said`` it is."""
    head = (b"II" if order == LITTLE else b"MM") + struct.pack(
        f"{order}HI", 42, start if said is None else said
    )
    count = struct.pack(f"{order}H", len(entries) if promised is None else promised)
    return head + bytes(start - 8) + count + b"".join(entries) + bytes(4)


def exif(content: bytes) -> bytes:
    """Return EXIF's segment."""
    return segment(0xE1, b"Exif\0\0" + content)


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG file."""
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Put segments at the beginning of a JPEG file."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def _jpeg(image: Image.Image, **how: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", **{"quality": 95, "subsampling": 0, **how})
    return target.getvalue()
