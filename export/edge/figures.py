"""How good answers are: against the truth, and against the original's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.detector.average_precision import ImageBoxes, mean_average_precision
from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    NUM_DETECTIONS,
)

Array = np.ndarray[Any, Any]


def classifier(
    answers: Sequence[int], original: Sequence[int], truth: Sequence[int]
) -> dict[str, float]:
    """Return accuracy and how answers moved.

    Args:
        answers: Class by image, of the runtime that is measured.
        original: The same, of the SavedModel.
        truth: Label by image.

    Returns:
        ``accuracy``; ``lost`` and ``gained``: images that the original alone, or this one alone,
        has right; ``agreement``: share of images that both answer alike.
    """
    mine, theirs, labels = np.array(answers), np.array(original), np.array(truth)
    return {
        "accuracy": float((mine == labels).mean()),
        "lost": int(((theirs == labels) & (mine != labels)).sum()),
        "gained": int(((theirs != labels) & (mine == labels)).sum()),
        "agreement": float((mine == theirs).mean()),
    }


def detector(
    answers: Sequence[dict[str, Array]], truth: Sequence[dict[str, Any]], num_classes: int
) -> dict[str, float]:
    """Return the mean average precision at IoU 0.5, as ``accuracy``.

    Args:
        answers: By image, the served outputs of one image.
        truth: By image, ``boxes`` ymin, xmin, ymax, xmax as fractions and ``classes`` from 0, -1
            for regions that count neither way.
        num_classes: Number of classes.
    """
    true = [
        ImageBoxes(np.array(t["boxes"], np.float64).reshape(-1, 4), np.array(t["classes"], int))
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
