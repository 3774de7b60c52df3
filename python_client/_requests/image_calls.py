"""The calls about images: sorted into Predict requests, answers read image by image."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._image_models.classification_model import ClassificationModel
from python_client._image_models.detection_model import DetectionModel
from python_client._image_models.image_model import ImageModel
from python_client._requests.images import Batch, Images, batches
from python_client._requests.predictions import Prediction, Predictions
from python_client._requests.rpc import Rpc
from python_client._transport.refusals import About, about
from python_client.errors import InvalidArgumentError

T = TypeVar("T")


@dataclass(frozen=True)
class ImageCall(Generic[T]):
    """One call about images.

    Attributes:
        positions: The places of its images in what the caller passed.
        rpc: The call.
        count: How many images the caller passed.
        part: Makes the call about some of its images, counted within it; None for pixels.
    """

    positions: tuple[int, ...]
    rpc: Rpc[list[T]]
    count: int
    part: Callable[[int, int], ImageCall[T]] | None = None


ImageCalls = list[ImageCall[T]]
"""The calls that answer a caller's images."""


def classify_rpcs(
    predictions: Predictions, images: Images, **options: Any
) -> ImageCalls[Classification]:
    """Make the RPCs that classify ``images``; ``options`` as for :func:`_image_rpcs`.

    Raises:
        InputError: An image cannot be sent, or the contract is not a classifier's.
    """
    reader = ClassificationModel.of(predictions.contract, predictions.address)
    return _image_rpcs(predictions, reader, images, **options)


def detect_rpcs(
    predictions: Predictions, images: Images, min_score: float, **options: Any
) -> ImageCalls[Detections]:
    """Make the RPCs that find the objects in ``images``; ``options`` as for :func:`_image_rpcs`.

    Raises:
        InputError: An image cannot be sent, the contract is not a detector's, or ``min_score`` is
            not in 0..1.
    """
    detector = DetectionModel.of(predictions.contract, predictions.address)
    reader = replace(detector, min_score=min_score)
    return _image_rpcs(predictions, reader, images, **options)


def _image_rpcs(
    predictions: Predictions,
    reader: ImageModel[T],
    images: Images,
    *,
    batch_size: int | None = None,
    version: int | None = None,
    version_label: str | None = None,
) -> ImageCalls[T]:
    sorted_images = batches(images, batch_size)
    count = sum(len(batch.positions) for batch in sorted_images)

    def call(batch: Batch) -> ImageCall[T]:
        key, name = reader.inputs[batch.kind]
        rpc = predictions.rpc(
            {name: batch.tensor}, key, version=version, version_label=version_label
        )

        def read(answer: Prediction) -> list[T]:
            return reader.read(answer.outputs, key, len(batch.positions), answer.version)

        def part(start: int, end: int) -> ImageCall[T]:
            return call(Batch(batch.kind, batch.positions[start:end], batch.tensor[start:end]))

        return ImageCall(
            batch.positions, rpc.then(read), count, part if batch.kind == "encoded" else None
        )

    return [call(batch) for batch in sorted_images]


def refused_file(
    call: ImageCall[T], refusal: InvalidArgumentError
) -> Generator[ImageCall[T], InvalidArgumentError | None, InvalidArgumentError]:
    """Find the file that a model refuses: it does not say, so it is asked again about halves.

    Args:
        call: The call that was refused.
        refusal: Its error.

    Yields:
        Calls about some of the files; send back the refusal, or None where they are answered.

    Returns:
        The error of the first file that is refused; ``refusal`` where it is not about an image.
    """
    if call.part is None or about(refusal.details) is not About.IMAGE:
        return refusal
    start, end = 0, len(call.positions)
    while end - start > 1:
        middle = (start + end) // 2
        of_first_half = yield call.part(start, middle)
        if of_first_half is None:
            start = middle
        else:
            end, refusal = middle, of_first_half
    return refusal.of_image(call.positions[start], call.count)
