"""Typed answers of the clients laid out as the served tensors, and held to golden ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from serving_config.contract import Contract
from serving_config.golden import GoldenCase

Tensors = dict[str, np.ndarray[Any, Any]]
Entry = tuple[int, float, Sequence[float]]


def classifications(answers: Iterable[tuple[Mapping[str, float], Mapping[str, float]]]) -> Tensors:
    """Lay out (probabilities, logits), each by class name, one pair an image."""
    pairs = list(answers)
    return {
        "probabilities": np.array([list(probabilities.values()) for probabilities, _ in pairs]),
        "logits": np.array([list(logits.values()) for _, logits in pairs]),
        "classes": np.array([list(probabilities) for probabilities, _ in pairs], dtype=object),
    }


def detections(answers: Sequence[Sequence[Entry]], contract: Contract) -> Tensors:
    """Lay out (1-based class, score, [ymin, xmin, ymax, xmax]), a list of them an image."""
    count, limit = len(answers), contract.bound["N"]
    boxes = np.zeros((count, limit, 4), np.float32)
    scores, classes = np.zeros((count, limit), np.float32), np.zeros((count, limit), np.float32)
    for row, found in enumerate(answers):
        for column, (number, score, box) in enumerate(found):
            boxes[row, column] = box
            scores[row, column], classes[row, column] = score, number
    return {
        "detection_boxes": boxes,
        "detection_scores": scores,
        "detection_classes": classes,
        "num_detections": np.array([len(found) for found in answers], np.float32),
    }


def assert_golden(case: GoldenCase, answer: Tensors, contract: Contract) -> None:
    """Fail unless an answer is the golden one by the rule that every side is held to."""
    comparison = case.compare(answer, contract)
    assert set(comparison.distances) == set(contract.signature(case.signature).outputs)
    assert comparison.ok, "\n".join(map(str, comparison.differences))
