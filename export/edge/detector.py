"""A detector on the edge: the network alone in the file, mean average precision compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.detector.average_precision import ImageBoxes, mean_average_precision
from export.edge import detections, edge_contract, photographs
from export.edge.kind import Answer, Array, EdgeKind, Served
from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    NUM_DETECTIONS,
)
from signature_contract.contract import Contract

if TYPE_CHECKING:
    from export.edge.interpreter import EdgeModel


def _write(
    version: Path, contract: Contract, forms: Sequence[str], ranges: Sequence[Path], directory: Path
) -> dict[str, Path]:
    from export.edge import writing  # loads TensorFlow

    return writing.detector(version, contract, forms, ranges, directory)


def _original(served: Served) -> Answer:
    return served


def _answering(model: EdgeModel) -> Answer:
    return lambda pixels: detections.detect(model, pixels)


def _quality(
    answers: Sequence[Mapping[str, Array]],
    _original: Sequence[Mapping[str, Array]],
    truth: Sequence[Mapping[str, Any]],
    num_classes: int,
) -> dict[str, float]:
    """Return the mean average precision at IoU 0.5, as ``accuracy``.

    Args:
        answers: By image, the served outputs of one image.
        truth: By image, ``boxes`` ymin, xmin, ymax, xmax as fractions and ``classes`` from 0
            and ``ignored``, true for what counts neither way.
        num_classes: Number of classes.
    """
    true = [
        ImageBoxes(
            np.array(t["boxes"], np.float64).reshape(-1, 4),
            np.array(t["classes"], int),
            ignored=np.array(t["ignored"], bool),
        )
        for t in truth
    ]
    found = []
    for answer in answers:
        count = int(answer[NUM_DETECTIONS][0])
        found.append(
            ImageBoxes(
                answer[DETECTION_BOXES][0][:count],
                answer[DETECTION_CLASSES][0][:count].astype(int) - 1,
                answer[DETECTION_SCORES][0][:count],
            )
        )
    value, _ = mean_average_precision(true, found, num_classes)
    return {"accuracy": value}


EDGE = EdgeKind(
    choose=photographs.choose_detection,
    narrow=edge_contract.of_detector,
    write=_write,
    original=_original,
    answering=_answering,
    quality=_quality,
)
