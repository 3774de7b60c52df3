"""Typed answers laid out as the tensors that a server sends, to compare them with others.

Clients turn tensors into classifications and detections; who holds a client's answer to a golden
one, or one client's to another's, needs the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from serving_config.tensor_names import (
    CLASSES,
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    LOGITS,
    NUM_DETECTIONS,
    PROBABILITIES,
)

Tensors = dict[str, np.ndarray[Any, Any]]

ByName = Mapping[str, float]
"""A figure of each class by its name, in column order."""

Found = tuple[int, float, Sequence[float]]
"""A detection: its 1-based class, its score, and ymin, xmin, ymax, xmax as fractions."""


def classifications(answers: Iterable[tuple[ByName, ByName]]) -> Tensors:
    """Lay out classifications.

    Args:
        answers: Probabilities and logits, one pair an image; at least one.

    Returns:
        ``probabilities`` and ``logits`` float32 [n, C], ``classes`` [n, C], object array of UTF-8
        ``bytes``.
    """
    pairs = list(answers)
    return {
        PROBABILITIES: np.array([list(p.values()) for p, _ in pairs], np.float32),
        LOGITS: np.array([list(logits.values()) for _, logits in pairs], np.float32),
        CLASSES: np.array([[name.encode() for name in p] for p, _ in pairs], dtype=object),
    }


def detections(answers: Sequence[Sequence[Found]], limit: int) -> Tensors:
    """Lay out detections, zeros beyond the last of each image.

    Args:
        answers: The detections of each image, by descending score.
        limit: The contract's N, most detections an image.

    Returns:
        ``detection_boxes`` float32 [n, N, 4], ``detection_scores`` and ``detection_classes``
        float32 [n, N], ``num_detections`` float32 [n].
    """
    boxes = np.zeros((len(answers), limit, 4), np.float32)
    scores, classes = (np.zeros((len(answers), limit), np.float32) for _ in range(2))
    for row, found in enumerate(answers):
        for column, (number, score, box) in enumerate(found):
            boxes[row, column] = box
            scores[row, column], classes[row, column] = score, number
    return {
        DETECTION_BOXES: boxes,
        DETECTION_SCORES: scores,
        DETECTION_CLASSES: classes,
        NUM_DETECTIONS: np.array([len(found) for found in answers], np.float32),
    }
