"""Image files as the pixels that ``serving_default`` takes."""

from __future__ import annotations

from pathlib import Path

from python_client.errors import InputError
from python_client.tensors import Array
from serving_config import image_files


def load_image(source: str | Path | bytes) -> Array:
    """Read an image file as a model sees it, for callers that need its pixels.

    A model's ``serving_bytes`` does the same inside the graph, so whoever has a file sends that:
    it is smaller. Pixels are for those who cut, draw or look first. Needs
    ``pip install "vision-forge[images]"``.

    Args:
        source: Path of a JPEG or PNG file, or the whole file as bytes.

    Returns:
        uint8 [height, width, 3], RGB, upright (the EXIF orientation of a JPEG applied), the very
        bytes that the graph decodes: an alpha channel is dropped, grey is repeated, of 16 bits the
        upper 8 are kept.

    Raises:
        InputError: The file is no JPEG or PNG, or broken.
        OSError: It cannot be read.
        ImageReaderUnavailableError: Pillow or simplejpeg is not installed; the message says how to.
    """
    content, name = (
        (bytes(source), "")
        if isinstance(source, (bytes, bytearray, memoryview))
        else (Path(source).read_bytes(), f"{source}: ")
    )
    try:
        return image_files.decode(content)
    except image_files.ImageFileError as err:
        raise InputError(f"{name}{err}") from err
