"""Image files of requests to pixels, refused in the words of the served graph."""

from __future__ import annotations

from model_server.errors import invalid_argument
from model_server.runtimes.arrays import Array
from serving_config import image_files
from serving_config.image_files import ImageFileError


def decode(file: bytes) -> Array:
    """Decode one JPEG or PNG file.

    Returns:
        uint8 [1, height, width, 3], RGB, upright.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    try:
        return image_files.decode(file)[None]
    except ImageFileError as err:
        raise invalid_argument(err.in_graph) from err
