"""Non-maximum suppression: from all candidates to the detections that are answered."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Suppression:
    """What is answered, fixed at export and recorded in the version's contract.

    Attributes:
        max_detections: Most detections an image.
        score_threshold: Candidates below it are dropped.
        iou_threshold: Of two boxes of one class that overlap by more, the better one stays.
    """

    max_detections: int
    score_threshold: float
    iou_threshold: float


def suppress(
    boxes: tf.Tensor, scores: tf.Tensor, settings: Suppression
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Keep the best candidates, class by class.

    Args:
        boxes: float32 [batch, n, 4], xmin, ymin, xmax, ymax in pixels of the square.
        scores: float32 [batch, n, classes].
        settings: How many, how good, how far apart.

    Returns:
        Boxes float32 [batch, N, 4], ymin, xmin, ymax, xmax in pixels of the square; scores float32
        [batch, N], descending; classes int32 [batch, N], 0-based; counts int32 [batch]. Rows
        beyond the count are zero.
    """
    corners = tf.gather(boxes, [1, 0, 3, 2], axis=-1)
    kept, kept_scores, kept_classes, count = tf.image.combined_non_max_suppression(
        corners[:, :, None, :],
        scores,
        max_output_size_per_class=settings.max_detections,
        max_total_size=settings.max_detections,
        iou_threshold=settings.iou_threshold,
        score_threshold=settings.score_threshold,
        clip_boxes=False,
    )
    return kept, kept_scores, tf.cast(kept_classes, tf.int32), count
