"""What a caller may hand to ``classify``, sorted into as few requests as possible.

Encoded files of any size share one request, for the graph decodes each by itself. Pixels share a
request with the images of their own size, for a tensor has one height and one width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from python_client.errors import InputError
from python_client.tensors import Array

Encoded: TypeAlias = bytes | bytearray | memoryview
Images: TypeAlias = Encoded | Array | Iterable[Encoded | Array]
"""One encoded file; uint8 pixels [height, width, 3] or [batch, height, width, 3]; several of
either, of any sizes."""


class Batch(NamedTuple):
    """Images that go into one request.

    Attributes:
        kind: ``encoded`` files, or ``pixels``.
        positions: The place of each image in what the caller passed.
        tensor: An object array of ``bytes`` [batch], or pixels [batch, height, width, channel].
    """

    kind: Literal["encoded", "pixels"]
    positions: tuple[int, ...]
    tensor: Array


def batches(images: Images, batch_size: int | None = None) -> list[Batch]:
    """Sort images into requests.

    Args:
        images: One image or several; RGB.
        batch_size: Most images in a request; None sets no limit.

    Returns:
        The batches; none when there are no images. Ranks are right, dtypes and channel counts
        are for the contract to judge.

    Raises:
        InputError: Something that is neither an encoded file nor an array of pixels, or a rank
            that cannot be an image's.
    """
    if batch_size is not None and batch_size < 1:
        raise InputError(f"expected a batch_size of at least 1, received {batch_size}")
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return _slices(images, batch_size or len(images))
    groups: dict[Any, list[tuple[int, Encoded | Array]]] = {}
    for position, image in enumerate(_one_by_one(images)):
        groups.setdefault(_group(image, position), []).append((position, image))
    return [
        _batch(members[start : start + (batch_size or len(members))])
        for members in groups.values()
        for start in range(0, len(members), batch_size or len(members))
    ]


def _slices(batch: Array, batch_size: int) -> list[Batch]:
    """Cut an array that is a batch already; nothing is copied."""
    if len(batch):
        _group(batch[0], 0)
    starts = range(0, len(batch), batch_size) if len(batch) else ()
    parts = [(start, batch[start : start + batch_size]) for start in starts]
    return [Batch("pixels", tuple(range(start, start + len(part))), part) for start, part in parts]


def _one_by_one(images: Any) -> Sequence[Any]:
    if isinstance(images, (bytes, bytearray, memoryview)):
        return [images]
    if isinstance(images, np.ndarray):
        if images.dtype.kind in "OS" and images.ndim == 1:
            return list(images)
        return [images]
    if isinstance(images, Iterable) and not isinstance(images, str):
        return list(images)
    raise _not_an_image(images, "")


def _group(image: Any, position: int) -> Any:
    """Return what images of one request have in common."""
    where = f"image {position}: "
    if isinstance(image, (bytes, bytearray, memoryview)):
        if not len(image):
            raise InputError(f"{where}expected a whole JPEG or PNG file, received no bytes")
        return "encoded"
    if not isinstance(image, np.ndarray):
        raise _not_an_image(image, where)
    if image.ndim != 3:
        raise InputError(
            f"{where}expected pixels [height, width, 3], received {image.dtype.name} "
            f"{list(image.shape)}{_rank_advice(image)}"
        )
    if not image.size:
        raise InputError(
            f"{where}expected a height and a width of at least 1, received {list(image.shape)}"
        )
    return image.dtype, image.shape


def _rank_advice(image: Array) -> str:
    if image.ndim == 2:
        return "\n  fix: a grey image needs three equal channels: np.stack([image] * 3, axis=-1)"
    if image.ndim == 1 and image.dtype == np.uint8:
        return "\n  fix: pass an encoded file as bytes: image.tobytes()"
    if image.ndim == 4:
        return "\n  fix: pass a batch as the only argument, or take it apart: [*batch, *others]"
    return ""


def _not_an_image(image: Any, where: str) -> InputError:
    advice = ""
    if isinstance(image, str) or hasattr(image, "__fspath__"):
        advice = "\n  fix: pass the file's content: pathlib.Path(…).read_bytes()"
    elif hasattr(image, "__array_interface__"):
        advice = '\n  fix: pass its pixels: np.asarray(image.convert("RGB"))'
    elif hasattr(image, "__array__"):
        advice = "\n  fix: pass its pixels: np.asarray(image)"
    return InputError(
        f"{where}expected an encoded file as bytes or a uint8 array of pixels, received "
        f"{type(image).__name__} {str(image)[:60]!r}{advice}"
    )


def _batch(members: list[tuple[int, Any]]) -> Batch:
    positions = tuple(position for position, _ in members)
    if isinstance(members[0][1], np.ndarray):
        pixels = [image for _, image in members]
        # One image needs no copy to become a batch.
        return Batch("pixels", positions, np.stack(pixels) if len(pixels) > 1 else pixels[0][None])
    tensor = np.empty(len(members), dtype=object)
    tensor[:] = [bytes(image) for _, image in members]
    return Batch("encoded", positions, tensor)
