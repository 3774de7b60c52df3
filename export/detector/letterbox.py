"""Fit any image into the network's square without distorting it, and map boxes back.

One piece of code for training and for the served graph: what differs between the two is found as
lost accuracy, months later.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

GREY = 127.5
"""Value of the border, Darknet's own (0.5 of the unit range)."""


def letterbox(images: tf.Tensor, image_size: int) -> tf.Tensor:
    """Scale to fit, bilinear with half-pixel centres and no antialiasing, and centre on grey.

    Args:
        images: uint8 or float32 [..., height, width, 3], RGB, 0 to 255; one or a batch of images.
        image_size: Side of the square in pixels.

    Returns:
        float32 [..., image_size, image_size, 3], 0 to 255.
    """
    shape = tf.shape(images)
    inner, before = _fit(shape[-3], shape[-2], image_size)
    resized = tf.image.resize(images, inner, method="bilinear", antialias=False)
    after = image_size - inner - before
    rank = images.shape.rank
    paddings = tf.stack([before, after], axis=1)
    paddings = tf.pad(paddings, [[rank - 3, 1], [0, 0]])
    boxed = tf.pad(resized, paddings, constant_values=GREY)
    boxed.set_shape([*images.shape[:-3], image_size, image_size, 3])
    return boxed


def place(height: Any, width: Any, image_size: int) -> tf.Tensor:
    """Return where in the square an image of a size lies: float32 [4], xmin, ymin, xmax, ymax."""
    inner, before = _fit(height, width, image_size)
    return tf.cast(tf.concat([before[::-1], (before + inner)[::-1]], axis=0), tf.float32)


def to_square(boxes: tf.Tensor, height: Any, width: Any, image_size: int) -> tf.Tensor:
    """Move boxes from the original image into the square.

    Args:
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the original image.
        height: Of the original image in pixels, scalar.
        width: Of the original image in pixels, scalar.
        image_size: Side of the square in pixels.

    Returns:
        float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the square.
    """
    inner, before = _fit(height, width, image_size)
    size = tf.cast(tf.stack([width, height, width, height]), tf.float32)
    inner_xyxy = tf.cast(tf.tile(inner[::-1], [2]), tf.float32)
    return boxes / size * inner_xyxy + tf.cast(tf.tile(before[::-1], [2]), tf.float32)


def to_original(
    boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor, image_size: int
) -> tf.Tensor:
    """Move boxes from the square to fractions of the original images, cut at their borders.

    Args:
        boxes: float32 [batch, n, 4], ymin, xmin, ymax, xmax in pixels of the square.
        height: int32 [batch], of each original image in pixels.
        width: int32 [batch].
        image_size: Side of the square in pixels.

    Returns:
        float32 [batch, n, 4], ymin, xmin, ymax, xmax in [0, 1].
    """
    inner, before = _fit(height, width, image_size)  # [2, batch]
    inner = tf.cast(tf.transpose(tf.tile(inner, [2, 1])), tf.float32)[:, None, :]
    before = tf.cast(tf.transpose(tf.tile(before, [2, 1])), tf.float32)[:, None, :]
    return tf.clip_by_value((boxes - before) / inner, 0.0, 1.0)


def _fit(height: Any, width: Any, image_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (height, width) of the scaled image and the (top, left) border: int32 [2, ...]."""
    size = tf.cast(tf.stack([height, width]), tf.float32)
    scale = image_size / tf.reduce_max(size, axis=0)
    # A panorama a thousand times wider than high would round to no rows at all.
    inner = tf.clip_by_value(tf.cast(tf.round(size * scale), tf.int32), 1, image_size)
    return inner, (image_size - inner) // 2
