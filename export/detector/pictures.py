"""Pictures of detections (red) over the truth (green)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.detector.annotations import Sample
from export.detector.average_precision import iou
from export.detector.coco_metrics import EvaluationUnavailableError
from export.detector.detection_arrays import DetectionArrays
from serving_config import image_files

Array = np.ndarray[Any, Any]

_GREEN, _RED = (0, 200, 0), (230, 0, 0)
_SHEET_COLUMNS, _TILE = 4, 320


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
        sample: The truth, in green.
        found: The answer, in red with class and score.
        class_names: In label order.
        score: Detections below it are not drawn.

    Returns:
        A Pillow image of the original's size, or of a whole multiple of it where the original is
        smaller than a tile of a sheet, since text needs pixels.

    Raises:
        EvaluationUnavailableError: Pillow is not installed.
    """
    pillow = _pillow()
    picture = pillow.Image.fromarray(image_files.decode(sample.path.read_bytes()))
    enlarge = -(-_TILE // max(picture.size))
    picture = picture.resize((picture.width * enlarge, picture.height * enlarge))
    canvas = pillow.ImageDraw.Draw(picture)
    for box, label in zip(sample.boxes * enlarge, sample.classes, strict=True):
        canvas.rectangle([float(edge) for edge in box], outline=_GREEN, width=2)
        canvas.text((float(box[0]) + 3, float(box[3]) - 12), class_names[label], fill=_GREEN)
    size = np.array([picture.height, picture.width] * 2)
    for box, value, label in zip(found.boxes * size, found.scores, found.classes, strict=True):
        if value >= score:
            ymin, xmin, ymax, xmax = map(float, box)
            canvas.rectangle([xmin, ymin, xmax, ymax], outline=_RED, width=2)
            text = f"{class_names[label - 1]} {value:.2f}"
            canvas.text((xmin + 3, ymin + 1), text, fill=_RED)
    return picture


def save_sheet(path: Path, pictures: Sequence[Any]) -> None:
    """Save pictures as one sheet of tiles."""
    pillow = _pillow()
    rows = -(-len(pictures) // _SHEET_COLUMNS)
    sheet = pillow.Image.new("RGB", (_SHEET_COLUMNS * _TILE, rows * _TILE), (40, 40, 40))
    for index, picture in enumerate(pictures):
        tile = picture.copy()
        tile.thumbnail((_TILE - 4, _TILE - 4))
        row, column = divmod(index, _SHEET_COLUMNS)
        sheet.paste(tile, (column * _TILE + 2, row * _TILE + 2))
    sheet.save(path)


def _pillow() -> Any:
    try:
        import PIL.Image
        import PIL.ImageDraw
        import simplejpeg  # noqa: F401  # image_files needs it
    except ImportError as err:
        raise EvaluationUnavailableError(
            "the pictures need Pillow and simplejpeg, which are not both installed; "
            'install it with: pip install "vision-forge[evaluation]"'
        ) from err
    return PIL
