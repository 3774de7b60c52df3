"""Pictures of detections over the truth: one colour a class, which is which said by the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.detector.average_precision import iou
from export.detector.coco_metrics import EvaluationUnavailableError
from export.detector.detection_arrays import DetectionArrays
from export.labels.samples import Sample

Array = np.ndarray[Any, Any]

_COLUMNS, _GAP, _PAPER = 2, 10, (64, 64, 64)


def f1(sample: Sample, found: DetectionArrays, score: float, threshold: float = 0.5) -> float:
    """Return the F1 score of one image at a fixed score, classes included; 1 when nothing is due.

    Args:
        sample: The truth.
        found: The answer.
        score: Detections below it do not count.
        threshold: IoU from which a detection hits.
    """
    size = np.array([sample.height, sample.width] * 2)
    chosen = found.scores >= score
    boxes = (found.boxes[chosen] * size)[:, [1, 0, 3, 2]]
    labels = found.classes[chosen] - 1
    overlap = iou(boxes, sample.boxes)
    overlap[labels[:, None] != sample.classes[None, :]] = 0.0
    hits, ignored_hits = 0, 0
    for row in range(len(boxes)):  # the answer is sorted by descending score
        if overlap.shape[1] and overlap[row].max() >= threshold:
            best = int(overlap[row].argmax())
            overlap[:, best] = 0.0
            ignored_hits += bool(sample.ignored[best])
            hits += not sample.ignored[best]
    due = int((~sample.ignored).sum())
    total = due + len(boxes) - ignored_hits
    return 2 * hits / total if total else 1.0


def draw(sample: Sample, found: DetectionArrays, class_names: Sequence[str], score: float) -> Any:
    """Draw one image.

    Args:
        sample: The truth, in broken lines.
        found: The answer, in unbroken lines with scores.
        class_names: In label order.
        score: Detections below it are not drawn.

    Returns:
        A Pillow image of 640 to 1,600 pixels on its longer side, with a legend below.

    Raises:
        EvaluationUnavailableError: Pillow or simplejpeg is not installed.
    """
    drawing = _drawing()
    boxes = [
        drawing.DrawnBox(tuple(map(float, box)), int(label), "ignored" if ignored else "")
        for box, label, ignored in zip(sample.boxes, sample.classes, sample.ignored, strict=True)
    ]
    size = np.array([sample.height, sample.width] * 2)
    # The surest last, on top.
    for row in reversed(np.flatnonzero(found.scores >= score)):
        ymin, xmin, ymax, xmax = map(float, found.boxes[row] * size)
        text, label = f"{found.scores[row]:.2f}", int(found.classes[row]) - 1
        boxes.append(drawing.DrawnBox((xmin, ymin, xmax, ymax), label, text, is_true=False))
    return drawing.draw(sample.path, boxes, class_names, sample.path.name)


def save_sheet(path: Path, pictures: Sequence[Any]) -> None:
    """Save pictures as one sheet of two columns, none of them made smaller."""
    _drawing()
    import PIL.Image

    columns = min(_COLUMNS, len(pictures)) or 1
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    width = max(picture.width for picture in pictures)
    heights = [max(picture.height for picture in row) for row in rows]
    gaps = _GAP * (len(rows) + 1)
    sheet = PIL.Image.new("RGB", (columns * (width + _GAP) + _GAP, sum(heights) + gaps), _PAPER)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (_GAP + column * (width + _GAP), top))
        top += height + _GAP
    sheet.save(path)


def _drawing() -> Any:
    try:
        from export.labels import drawing
    except ImportError as err:
        raise EvaluationUnavailableError(
            "the pictures need Pillow and simplejpeg, which are not both installed; "
            'install it with: pip install "vision-forge[evaluation]"'
        ) from err
    return drawing
