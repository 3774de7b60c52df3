"""Mean average precision at IoU 0.5, for choosing weights while training.

COCO's definition (101 recall points, greedy matching by descending score) without a dependency;
the figures that are reported come from pycocotools on the served graph
(:mod:`export.detector.evaluation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ImageBoxes:
    """Boxes of one image, true or detected.

    Attributes:
        boxes: float [n, 4], any unit, two opposite corners: (a, b) low, (a, b) high.
        classes: int [n], 0-based.
        scores: float [n], of detections.
        ignored: bool [n], of true boxes: what is difficult or a crowd, and takes up any number of
            detections of its class without counting for or against. None: none is.
    """

    boxes: Array
    classes: Array
    scores: Array | None = None
    ignored: Array | None = None


def iou(first: Array, second: Array) -> Array:
    """Return the IoU of each pair: float [n, m]; boxes without area have none."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    area_1 = (first[:, 2:] - first[:, :2]).prod(-1)
    area_2 = (second[:, 2:] - second[:, :2]).prod(-1)
    union = area_1[:, None] + area_2[None, :] - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def coverage(first: Array, second: Array) -> Array:
    """Return the share of each first box that lies in each second: float [n, m].

    pycocotools measures crowds so: a detection in a crowd is much smaller than the crowd.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    area = np.broadcast_to((first[:, 2:] - first[:, :2]).prod(-1)[:, None], common.shape)
    return np.asarray(np.divide(common, area, out=np.zeros_like(common), where=area > 0))


def average_precision(
    truth: Sequence[ImageBoxes], found: Sequence[ImageBoxes], class_index: int, threshold: float
) -> float:
    """Return one class's average precision, NaN where the class has no true box."""
    scores, hits = [], []
    total = 0
    for true, detected in zip(truth, found, strict=True):
        assert detected.scores is not None  # noqa: S101  # for the type checker
        mine = detected.classes == class_index
        order = np.argsort(-detected.scores[mine], kind="stable")
        theirs = true.classes == class_index
        ignored = np.zeros(len(theirs), bool) if true.ignored is None else true.ignored
        wanted, free = true.boxes[theirs & ~ignored], true.boxes[theirs & ignored]
        total += len(wanted)
        boxes = detected.boxes[mine][order]
        overlap, overlap_free = iou(boxes, wanted), coverage(boxes, free)
        taken = np.zeros(len(wanted), bool)
        for row, score in enumerate(detected.scores[mine][order]):
            candidates = np.where(taken, -1.0, overlap[row])
            best = int(candidates.argmax()) if len(candidates) else -1
            hit = best >= 0 and candidates[best] >= threshold
            if hit:
                taken[best] = True
            elif len(free) and overlap_free[row].max() >= threshold:
                continue  # neither right nor wrong
            scores.append(score)
            hits.append(hit)
    if not total:
        return float("nan")
    ranked = np.array(hits, bool)[np.argsort(-np.array(scores), kind="stable")]
    right = np.cumsum(ranked)
    recall = right / total
    precision = right / np.arange(1, len(ranked) + 1)
    # Precision at a recall is the best at that recall or beyond.
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(recall, _RECALL_POINTS, side="left")
    padded = np.append(precision, 0.0)
    return float(padded[np.minimum(positions, len(precision))].mean())


def mean_average_precision(
    truth: Sequence[ImageBoxes],
    found: Sequence[ImageBoxes],
    num_classes: int,
    threshold: float = 0.5,
) -> tuple[float, tuple[float, ...]]:
    """Average over the classes that occur in ``truth``.

    Returns:
        The mean, and each class's value (NaN where it does not occur).
    """
    each = tuple(average_precision(truth, found, c, threshold) for c in range(num_classes))
    known = [value for value in each if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan"), each
