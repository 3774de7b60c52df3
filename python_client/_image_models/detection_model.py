"""A detector's answers read as ``Detections`` values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from python_client._answers.detections import Box, Detection, Detections
from python_client._image_models.image_model import ImageModel
from python_client.tensors import Array
from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    NUM_DETECTIONS,
)
from signature_contract.contract import Difference


@dataclass(frozen=True)
class DetectionModel(ImageModel[Detections]):
    """A contract read as a detector's.

    Attributes:
        min_score: Detections below it are left out, 0..1.
    """

    TOOLKIT_CONTRACT = "detector"
    OUTPUTS = (DETECTION_BOXES, DETECTION_SCORES, DETECTION_CLASSES, NUM_DETECTIONS)

    min_score: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise self.address.input_error(
                f"expected a min_score of 0 to 1, received {self.min_score}"
            )

    def read(
        self, outputs: Mapping[str, Array], key: str, rows: int, version: int | None
    ) -> list[Detections]:
        """Turn one answer into the detections of each image."""
        self.check_rows(outputs, key, rows)
        most = outputs[DETECTION_BOXES].shape[1]
        counts = outputs[NUM_DETECTIONS]
        if not _whole(counts, 0, most).all():
            raise self.unreadable(
                key, f'"{NUM_DETECTIONS}" to count 0 to {most} rows, received {counts.tolist()}'
            )
        answers = []
        for row, count in enumerate(counts.astype(int)):
            boxes, scores, classes = (
                outputs[name][row, :count]
                for name in (DETECTION_BOXES, DETECTION_SCORES, DETECTION_CLASSES)
            )
            self._check_values(boxes, scores, classes, key, row)
            boxes, scores = boxes.clip(0, 1), scores.clip(0, 1)  # another processor's rounding
            self._check_classes(classes, key, version)
            answers.append(
                Detections(
                    tuple(
                        Detection(self._label(int(number)), int(number), score, Box(*box))
                        for box, score, number in zip(
                            boxes.tolist(), scores.tolist(), classes.tolist(), strict=True
                        )
                        if score >= self.min_score
                    ),
                    version,
                )
            )
        return answers

    def _check_values(
        self, boxes: Array, scores: Array, classes: Array, key: str, row: int
    ) -> None:
        # Comparisons are false for NaN, so NaN is refused as well.
        inside = self._in_unit_range(DETECTION_BOXES, boxes, key).all(axis=1)
        upright = (boxes[:, :2] <= boxes[:, 2:]).all(axis=1)
        scored = self._in_unit_range(DETECTION_SCORES, scores, key)
        for name, values, meaning, good in (
            (DETECTION_BOXES, boxes, "ymin <= ymax and xmin <= xmax in 0..1", inside & upright),
            (DETECTION_SCORES, scores, "scores in 0..1", scored),
            (DETECTION_CLASSES, classes, "whole class numbers from 1", _whole(classes, 1, np.inf)),
        ):
            if not good.all():
                wrong = values[good.argmin()].tolist()
                raise self.unreadable(
                    key, f'"{name}" to hold {meaning}, received {wrong} for image {row}'
                )
        if (np.diff(scores) > 0).any():
            raise self.unreadable(
                key, f'"{DETECTION_SCORES}" in descending order, received {scores.tolist()}'
            )

    def _in_unit_range(self, name: str, values: Array, key: str) -> Array:
        slack = self.contract.signatures[key].outputs[name].tolerance.limit(1)
        return np.asarray((values >= -slack) & (values <= 1 + slack))

    def _check_classes(self, classes: Array, key: str, version: int | None) -> None:
        known = self.contract.class_names
        if known and classes.size and classes.max() > len(known):
            raise self.address.broken(
                version,
                [
                    Difference(
                        "output-range",
                        f'{key} output "{DETECTION_CLASSES}"',
                        f"classes 1 to {len(known)}",
                        f"class {int(classes.max())}",
                        known,
                    )
                ],
                key,
            )

    def _label(self, number: int) -> str:
        names = self.contract.class_names
        return names[number - 1] if names else f"unnamed class {number}"


def _whole(values: Array, low: float, high: float) -> Array:
    whole = np.isfinite(values) & (values == np.floor(values))
    return np.asarray(whole & (values >= low) & (values <= high))
