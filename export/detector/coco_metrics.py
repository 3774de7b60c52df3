"""COCO's mean average precision by pycocotools, the reference implementation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.detector.detection_arrays import DetectionArrays
from export.errors import SettingsError
from export.labels.samples import Sample


class EvaluationUnavailableError(SettingsError):
    """An optional package that evaluation needs is not installed."""


@dataclass(frozen=True)
class CocoResult:
    """What pycocotools measured.

    Attributes:
        map50: mAP at IoU 0.5.
        map50_95: mAP averaged over IoU 0.5, 0.55 … 0.95.
        per_class: By class name, ``(AP@0.5, AP@[.5:.95])``; NaN where it does not occur.
    """

    map50: float
    map50_95: float
    per_class: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the result for the command line; a class without a true box has null."""

        def number(value: float) -> float | None:
            return None if np.isnan(value) else round(value, 4)

        return {
            "map50": number(self.map50),
            "map50_95": number(self.map50_95),
            "per_class": {
                name: {"ap50": number(ap50), "ap50_95": number(ap)}
                for name, (ap50, ap) in self.per_class.items()
            },
        }


COCO_DETECTIONS = 100
"""Detections an image that COCO counts."""


def measure(
    samples: Sequence[Sample],
    found: Sequence[DetectionArrays],
    class_names: Sequence[str],
    max_detections: int = COCO_DETECTIONS,
) -> CocoResult:
    """Compare detections with the truth.

    Args:
        samples: The truth.
        found: One answer a sample, in the same order.
        class_names: In label order.
        max_detections: How many of an image count; those of the highest scores.

    Returns:
        The figures.

    Raises:
        EvaluationUnavailableError: pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as err:
        raise EvaluationUnavailableError(
            "evaluation needs pycocotools, which is not installed; "
            'install it with: pip install "vision-forge[evaluation]"'
        ) from err
    with contextlib.redirect_stdout(sys.stderr):
        truth = COCO()
        truth.dataset = _truth(samples, class_names)
        truth.createIndex()
        results = _results(samples, found)
        detected = truth.loadRes(results) if results else COCO()
        evaluation = COCOeval(truth, detected, "bbox")
        # Ascending, and the last is the one that counts.
        evaluation.params.maxDets = [1, min(10, max_detections), max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    # [IoU, recall, class, area, most detections]; -1 marks a class without a true box.
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    precision = np.where(precision < 0, np.nan, precision)
    each = [(_mean(precision[0, :, k]), _mean(precision[:, :, k])) for k in range(len(class_names))]
    return CocoResult(
        _mean(precision[0]), _mean(precision), dict(zip(class_names, each, strict=True))
    )


def _mean(values: Any) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _truth(samples: Sequence[Sample], class_names: Sequence[str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, sample in enumerate(samples):
        for box, label, ignored in zip(sample.boxes, sample.classes, sample.ignored, strict=True):
            xmin, ymin, xmax, ymax = map(float, box)
            annotations.append(
                {
                    "id": len(annotations) + 1,  # 0 would count as "not matched"
                    "image_id": image_id,
                    "category_id": int(label) + 1,
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "area": (xmax - xmin) * (ymax - ymin),
                    "iscrowd": int(ignored),
                }
            )
    return {
        "info": {},
        "images": [{"id": i, "width": s.width, "height": s.height} for i, s in enumerate(samples)],
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(class_names)],
    }


def _results(samples: Sequence[Sample], found: Sequence[DetectionArrays]) -> list[dict[str, Any]]:
    results = []
    for image_id, (sample, answer) in enumerate(zip(samples, found, strict=True)):
        size = np.array([sample.height, sample.width] * 2)
        for box, score, label in zip(
            answer.boxes * size, answer.scores, answer.classes, strict=True
        ):
            ymin, xmin, ymax, xmax = map(float, box)
            results.append(
                {
                    "image_id": image_id,
                    "category_id": int(label),
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "score": float(score),
                }
            )
    return results
