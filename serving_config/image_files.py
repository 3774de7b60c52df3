"""Image files to pixels without TensorFlow, byte for byte as the served graph decodes them.

For everything that shows or measures what a model sees: the pixel signature's callers, pictures of
reports, statistics. JPEG files go through libjpeg-turbo with the fast transform, as TensorFlow's
decoder does (Pillow's accurate one differs by up to 18 levels), PNG files through Pillow.
Needs ``pip install "vision-forge[images]"``.
"""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import numpy as np

from serving_config import refusals
from serving_config.jpeg_orientation import (
    JPEG_START,
    UPRIGHT,
    jpeg_orientation,
    segments,
)
from serving_config.refusals import MAX_PIXELS, asserted

Array = np.ndarray[Any, Any]

ORIENTATION = "orientation"
"""The contract's parameter that says which note about a photograph's orientation is obeyed."""

EXIF = "exif"
"""Its value in versions whose graph turns photographs upright. Older versions have none."""

_APP14, _ADOBE_BYTES = 0xEE, 12

PNG_START = b"\x89PNG\r\n\x1a\n"


class ImageFileError(ValueError):
    """The bytes are no image that the served graph would decode.

    Attributes:
        in_graph: What the served graph says of them.
    """

    def __init__(self, message: str, in_graph: str) -> None:
        """Create an error for people, with the graph's words beside it."""
        super().__init__(message)
        self.in_graph = in_graph


class ImageReaderUnavailableError(RuntimeError):
    """The libraries that read image files are not installed."""


def decode(file: bytes) -> Array:
    """Decode one JPEG or PNG file.

    Args:
        file: The whole file.

    Returns:
        uint8 [height, width, 3], RGB, upright (the EXIF orientation of a JPEG applied). An alpha
        channel is dropped, grey is repeated, of 16 bits the upper 8 are kept.

    Raises:
        ImageFileError: The bytes are no JPEG or PNG file, are broken, or have more than
            :data:`MAX_PIXELS`.
        ImageReaderUnavailableError: Pillow or simplejpeg is not installed; the message says how to.
    """
    if file.startswith(JPEG_START):
        return turn_upright(_decode_jpeg(file), jpeg_orientation(file))
    if file.startswith(PNG_START):
        return _decode_png(file)
    raise ImageFileError(
        f"expected a whole JPEG or PNG file, received {kind(file)}",
        asserted(refusals.KIND, len(file)),
    )


def turn_upright(stored: Array, orientation: int) -> Array:
    """Turn stored pixels as they are to be seen.

    Args:
        stored: [height, width, …].
        orientation: 1 to 8, as Exif numbers them.

    Returns:
        The upright picture, contiguous; for 5 to 8 [width, height, …].
    """
    if orientation == UPRIGHT:
        return stored
    turned = np.swapaxes(stored, 0, 1) if orientation >= 5 else stored
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def kind(file: bytes) -> str:
    """Say in a user's words what a file is that is neither JPEG nor PNG."""
    if not file:
        return "no bytes"
    for start, name in _OTHER_KINDS:
        if file.startswith(start):
            return f"{name}; convert it to JPEG or PNG"
    if file[4:8] == b"ftyp":
        brand = file[8:12]
        name = "a HEIC file" if brand[:3] in (b"hei", b"hev", b"mif") else "a video or AVIF file"
        return f"{name}; convert it to JPEG or PNG"
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return "a WebP file; convert it to JPEG or PNG"
    return f"{len(file)} bytes of something else"


_OTHER_KINDS = (
    (b"BM", "a BMP file"),
    (b"GIF8", "a GIF file"),
    (b"II*\0", "a TIFF or raw camera file"),
    (b"MM\0*", "a TIFF or raw camera file"),
    (b"\0\0\1\0", "an icon file"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"PK\3\4", "a zip archive"),
    (b"<svg", "an SVG file"),
    (b"<?xml", "an XML or SVG file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)


def _decode_jpeg(file: bytes) -> Array:
    simplejpeg, image_module = _require()
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(file)
        _check_size(height, width)
        return _decompress(file, space in ("CMYK", "YCCK"))
    except ImageFileError:
        raise
    except ValueError as err:
        if "Premature end of JPEG" in str(err):
            raise ImageFileError("the JPEG file is cut off", refusals.JPEG) from err
    # Something that libjpeg warns of and TensorFlow decodes: extraneous bytes, a broken profile.
    try:
        with image_module.open(io.BytesIO(file), formats=["JPEG"]) as image:
            _check_size(image.height, image.width)
            with contextlib.suppress(ValueError):  # it refuses warnings in the header all the same
                return _decompress(file, image.mode == "CMYK", strict=False)
            if image.mode == "CMYK":  # Pillow turns Adobe's inks itself
                return _without_black(np.asarray(image), is_inverted=False)
            return np.asarray(image.convert("RGB"))
    except image_module.UnidentifiedImageError as err:
        raise ImageFileError(
            "the JPEG file is broken: it has no header that can be read",
            f"{refusals.JPEG_HEADER} {len(file)}",
        ) from err
    except (OSError, SyntaxError, image_module.DecompressionBombError) as err:
        raise ImageFileError(
            f"the JPEG file is broken: {err}", f"{refusals.JPEG_HEADER} {len(file)}"
        ) from err


def _decompress(file: bytes, has_inks: bool, strict: bool = True) -> Array:
    simplejpeg = _require()[0]
    found: Array = simplejpeg.decode_jpeg(
        file,
        colorspace="CMYK" if has_inks else "RGB",
        fastdct=True,
        fastupsample=False,
        strict=strict,
    )
    return _without_black(found, is_inverted=_is_adobes(file)) if has_inks else found


def _is_adobes(file: bytes) -> bool:
    """Tell whether a program of Adobe's wrote it, whose inks are inverted."""
    whole = segments(file, len(file))
    return any(
        marker == _APP14 and content.startswith(b"Adobe") and len(content) >= _ADOBE_BYTES
        for marker, content in whole
    )


def _without_black(inks: Array, is_inverted: bool) -> Array:
    """Mix CMYK to RGB as TensorFlow does (``jpeg_mem.cc``), which libjpeg leaves to its caller."""
    amounts = inks.astype(np.uint16)
    light = amounts if is_inverted else 255 - amounts
    return (light[..., :3] * light[..., 3:] // 255).astype(np.uint8)


def _decode_png(file: bytes) -> Array:
    image_module = _require()[1]
    # IHDR's two sizes end there, where the file is so long; Pillow limits pixels itself, lower.
    _check_size(*struct.unpack(">ii", file[16:24].ljust(8, b"\0"))[::-1])
    try:
        with image_module.open(io.BytesIO(file), formats=["PNG"]) as image:
            if image.mode.startswith("I"):  # grey of 16 bits
                grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            image.info.pop("transparency", None)  # is dropped, and Pillow would warn of it
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, image_module.DecompressionBombError) as err:
        raise ImageFileError(
            f"the PNG file is broken or cut off: {err}", f"{refusals.PNG} {len(file)}"
        ) from err


def _check_size(height: int, width: int) -> None:
    if height >= 1 and width >= 1 and height * width <= MAX_PIXELS:
        return
    said = f"an image may have at most {MAX_PIXELS} pixels; received height {height}, width {width}"
    if height < 1 or width < 1:
        said = "the image file is cut off: its header states no size"
    raise ImageFileError(said, asserted(refusals.SIZE, (height, width)))


def _require() -> tuple[Any, Any]:
    try:
        import simplejpeg
        from PIL import Image
    except ImportError as err:
        raise ImageReaderUnavailableError(
            "reading image files needs Pillow and simplejpeg, which are not both installed"
            '\n  fix: pip install "vision-forge[images]"'
        ) from err
    return simplejpeg, Image
