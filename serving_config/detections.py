"""What stands before and after a detector's TFLite network, in NumPy.

TFLite keeps shapes fixed where it wants to be fast and has no non-maximum suppression over all
classes, so a file carries the network alone: from a letterboxed square to every box with its
scores. The letterbox, the suppression and the way back to the original image are here, step by step
what the served graph does, down to the order of the additions: for the server's LiteRT runtime, and
as the reference to port to a device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    NUM_DETECTIONS,
)
from signature_contract.signature import Signature, TensorSpec

Array = np.ndarray[Any, Any]

CANDIDATES = "candidates"
"""Key of the signature that such a file has."""

SQUARE = "square_tensor"
"""Its input."""

BOXES = "boxes"
"""Its output: float32 [batch, n, 4]."""

SCORES = "scores"
"""Its output: float32 [batch, n, classes]."""

CANDIDATE = "K"
"""Name of its dimension, the number of candidates an image."""

GREY = 127.5
"""Value of the border, as in training (:mod:`export.detector.letterbox`)."""


def candidates_signature(side: int, classes: int) -> Signature:
    """Return what such a file takes and gives.

    Args:
        side: Of the network's square in pixels.
        classes: How many.
    """
    return Signature(
        inputs={
            SQUARE: TensorSpec(
                "float32",
                (-1, side, side, 3),
                ("batch", "height", "width", "channel"),
                (0, 255),
                "RGB pixels, letterboxed: scaled to fit, centred on grey 127.5, not normalised",
            )
        },
        outputs={
            BOXES: TensorSpec(
                "float32",
                (-1, CANDIDATE, 4),
                ("batch", "candidate", "ymin, xmin, ymax, xmax"),
                None,
                "corners in pixels of the square, not clipped",
            ),
            SCORES: TensorSpec(
                "float32",
                (-1, CANDIDATE, classes),
                ("batch", "candidate", "class"),
                (0, 1),
                "objectness times class probability",
            ),
        },
        summary="Every candidate of letterboxed photographs, before non-maximum suppression.",
    )


def detections(
    boxes: Array, scores: Array, size: tuple[int, int], limit: int, parameters: Mapping[str, Any]
) -> dict[str, Array]:
    """Make a published detector's answer of its network's.

    Args:
        boxes: float32 [batch, n, 4], ymin, xmin, ymax, xmax in pixels of the square.
        scores: float32 [batch, n, classes].
        size: Height and width of the original images in pixels.
        limit: Most detections of an image.
        parameters: The contract's: ``image_size``, ``score_threshold``, ``iou_threshold``.

    Returns:
        The outputs of the served ``serving_default``: ``detection_boxes`` float32 [batch, N, 4]
        ymin, xmin, ymax, xmax in [0, 1] of the image, ``detection_scores`` [batch, N] descending,
        ``detection_classes`` [batch, N] from 1, ``num_detections`` [batch]; zeros beyond it.
    """
    answer = {
        DETECTION_BOXES: np.zeros((len(boxes), limit, 4), np.float32),
        DETECTION_SCORES: np.zeros((len(boxes), limit), np.float32),
        DETECTION_CLASSES: np.zeros((len(boxes), limit), np.float32),
        NUM_DETECTIONS: np.zeros(len(boxes), np.float32),
    }
    side = int(parameters["image_size"])
    thresholds = parameters["score_threshold"], parameters["iou_threshold"]
    for row, (mine, rated) in enumerate(zip(boxes, scores, strict=True)):
        kept, classes = suppress(mine, rated, limit, *thresholds)
        count = len(kept)
        answer[DETECTION_BOXES][row, :count] = to_original(mine[kept], *size, side)
        answer[DETECTION_SCORES][row, :count] = rated[kept, classes]
        answer[DETECTION_CLASSES][row, :count] = classes + 1
        answer[NUM_DETECTIONS][row] = count
    return answer


def letterbox(pixels: Array, side: int) -> Array:
    """Scale to fit, bilinear with half-pixel centres, and centre on grey.

    Args:
        pixels: uint8 [batch, height, width, 3].
        side: Of the square in pixels.

    Returns:
        float32 [batch, side, side, 3], 0 to 255.
    """
    (height, width), (top, left) = _fit(pixels.shape[1], pixels.shape[2], side)
    square = np.full((len(pixels), side, side, 3), GREY, np.float32)
    square[:, top : top + height, left : left + width] = _resize(pixels, height, width)
    return square


def suppress(
    boxes: Array, scores: Array, limit: int, score_threshold: float, iou_threshold: float
) -> tuple[Array, Array]:
    """Keep the best candidates of one image, class by class, then the best of all.

    Args:
        boxes: float32 [n, 4], ymin, xmin, ymax, xmax.
        scores: float32 [n, classes].
        limit: Most detections, of a class and of all together.
        score_threshold: Only better candidates are looked at.
        iou_threshold: Of two boxes of one class that overlap by more, the better one stays.

    Returns:
        Candidate and 0-based class of each detection, int64, by descending score.
    """
    kept: list[tuple[int, int]] = []
    for index in range(scores.shape[1]):
        column = scores[:, index]
        waiting = np.flatnonzero(column > np.float32(score_threshold))
        waiting = waiting[np.argsort(-column[waiting], kind="stable")]
        mine = 0
        while len(waiting) and mine < limit:
            best, waiting = waiting[0], waiting[1:]
            kept.append((int(best), index))
            mine += 1
            overlap = _iou(boxes[best], boxes[waiting])
            waiting = waiting[overlap <= np.float32(iou_threshold)]
    kept.sort(key=lambda pair: -scores[pair])
    pairs = np.array(kept[:limit], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def to_original(boxes: Array, height: int, width: int, side: int) -> Array:
    """Move boxes from the square to fractions of the original image, cut at its border.

    Args:
        boxes: float32 [n, 4], ymin, xmin, ymax, xmax in pixels of the square.
        height: Of the original image in pixels.
        width: Of the original image in pixels.
        side: Of the square in pixels.

    Returns:
        float32 [n, 4] in [0, 1].
    """
    inner, before = _fit(height, width, side)
    corner, size = np.array(before * 2, np.float32), np.array(inner * 2, np.float32)
    return np.asarray(np.clip((boxes - corner) / size, np.float32(0), np.float32(1)))


def _fit(height: int, width: int, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (height, width) of the scaled image and the (top, left) border."""
    size = np.array([height, width], np.float32)
    scale = np.float32(side) / size.max()
    inner = np.clip(np.rint(size * scale).astype(int), 1, side)
    before = (side - inner) // 2
    return (int(inner[0]), int(inner[1])), (int(before[0]), int(before[1]))


def _resize(pixels: Array, height: int, width: int) -> Array:
    rows_0, rows_1, down = _neighbours(pixels.shape[1], height)
    columns_0, columns_1, right = _neighbours(pixels.shape[2], width)
    down, right = down[:, None, None], right[:, None]
    upper = pixels[:, rows_0].astype(np.float32)
    lower = pixels[:, rows_1].astype(np.float32)

    def along(row: Array) -> Array:
        near = row[:, :, columns_0]
        return np.asarray(near + (row[:, :, columns_1] - near) * right)

    above = along(upper)
    return np.asarray(above + (along(lower) - above) * down)


def _neighbours(size: int, target: int) -> tuple[Array, Array, Array]:
    """Return, for each target pixel, its two source pixels and the second one's weight."""
    centre = np.arange(target, dtype=np.float32) + np.float32(0.5)
    position = centre * (np.float32(size) / np.float32(target)) - np.float32(0.5)
    floor = np.floor(position)
    first = np.maximum(floor, 0).astype(int)
    second = np.minimum(np.ceil(position), size - 1).astype(int)
    return first, second, position - floor


def _iou(box: Array, others: Array) -> Array:
    """Return the IoU of one box with each other; boxes without area have none."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    area = (box[2:] - box[:2]).prod()
    union = area + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))
