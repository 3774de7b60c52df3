"""The calls about images: sorted into Predict requests, answers read image by image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._image_models.classification_model import ClassificationModel
from python_client._image_models.detection_model import DetectionModel
from python_client._image_models.image_model import ImageModel
from python_client._requests.images import Images, batches
from python_client._requests.predictions import Prediction, Predictions
from python_client._requests.rpc import Rpc

T = TypeVar("T")

ImageCalls = list[tuple[tuple[int, ...], Rpc[list[T]]]]
"""Each RPC with the places, in what the caller passed, of the images it is about."""


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
    rpcs = []
    for batch in batches(images, batch_size):
        key, name = reader.inputs[batch.kind]
        rpc = predictions.rpc(
            {name: batch.tensor}, key, version=version, version_label=version_label
        )

        def read(answer: Prediction, key: str = key, rows: int = len(batch.positions)) -> list[T]:
            return reader.read(answer.outputs, key, rows, answer.version)

        rpcs.append((batch.positions, rpc.then(read)))
    return rpcs
