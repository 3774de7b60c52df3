"""From raw head outputs to boxes: the one formula that training and the served graph share.

YOLOv3 (Redmon and Farhadi 2018, section 2.1): the centre is the cell plus a sigmoid, the size is an
anchor times an exponential. The sigmoid is stretched about its middle by the grid's sensitivity
(YOLOv4, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

# exp(6) times an anchor is larger than any image; beyond, float32 products of sizes overflow.
_LARGEST_LOG_SIZE = 6.0


@dataclass(frozen=True)
class Grid:
    """Geometry of the predictions, fixed at training and kept with the model.

    Attributes:
        image_size: Side of the square network input in pixels.
        strides: Pixels a cell, by scale, coarsest first.
        anchors: By scale, the (width, height) of each box shape in pixels of the network input.
        sensitivity: How far a centre may leave its cell: it lies in a stretch of this many cells
            about the middle of its own, 1 to 2.
    """

    image_size: int
    strides: tuple[int, ...]
    anchors: tuple[tuple[tuple[float, float], ...], ...]
    sensitivity: float = 1.0

    def __post_init__(self) -> None:
        if len(self.strides) != len(self.anchors):
            raise ValueError(
                f"expected anchors for {len(self.strides)} scales, received {len(self.anchors)}"
            )

    @classmethod
    def from_sorted(
        cls,
        image_size: int,
        strides: Sequence[int],
        shapes: Sequence[Sequence[float]],
        sensitivity: float = 1.0,
    ) -> Grid:
        """Give the largest shapes to the coarsest scale.

        Args:
            image_size: Side of the square network input in pixels.
            strides: Coarsest first.
            shapes: (width, height) by ascending area, the same number for each scale.
            sensitivity: See :class:`Grid`.
        """
        each = len(shapes) // len(strides)
        pairs = [(float(width), float(height)) for width, height in shapes]
        groups = [tuple(pairs[start : start + each]) for start in range(0, len(pairs), each)]
        return cls(image_size, tuple(strides), tuple(groups[::-1]), sensitivity)


def boxes_of(raw: tf.Tensor, grid: Grid, scale: int) -> tf.Tensor:
    """Decode the boxes of one scale.

    Args:
        raw: float32 [batch, height, width, anchors, 5 + classes] from the head.
        grid: The geometry.
        scale: Index of the scale.

    Returns:
        float32 [batch, height, width, anchors, 4]: xmin, ymin, xmax, ymax in pixels of the network
        input, not clipped.
    """
    stride = grid.strides[scale]
    cells = np.arange(grid.image_size // stride, dtype=np.float32)
    columns, rows = np.meshgrid(cells, cells)
    corner = np.stack([columns, rows], axis=-1)[:, :, None, :]
    anchors = np.array(grid.anchors[scale], np.float32)
    reach = tf.sigmoid(raw[..., 0:2]) * grid.sensitivity - (grid.sensitivity - 1) / 2
    centre = (reach + corner) * stride
    log_size = tf.clip_by_value(raw[..., 2:4], -_LARGEST_LOG_SIZE, _LARGEST_LOG_SIZE)
    half = tf.exp(log_size) * (anchors / 2)
    return tf.concat([centre - half, centre + half], axis=-1)


def candidates(raws: Sequence[tf.Tensor], grid: Grid) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode all scales into one list of candidates an image.

    Args:
        raws: The head's outputs, coarsest first.
        grid: The geometry.

    Returns:
        Boxes float32 [batch, candidates, 4], xmin, ymin, xmax, ymax in pixels of the network
        input; scores float32 [batch, candidates, classes], objectness times class probability.
    """
    boxes, scores = [], []
    for scale, raw in enumerate(raws):
        size = grid.image_size // grid.strides[scale]
        count = size * size * len(grid.anchors[scale])
        boxes.append(tf.reshape(boxes_of(raw, grid, scale), [-1, count, 4]))
        score = tf.sigmoid(raw[..., 4:5]) * tf.sigmoid(raw[..., 5:])
        scores.append(tf.reshape(score, [-1, count, raw.shape[-1] - 5]))
    return tf.concat(boxes, axis=1), tf.concat(scores, axis=1)
