"""Random changes of a training image that move its boxes along."""

from __future__ import annotations

import math

import tensorflow as tf

from export.detector.letterbox import GREY
from export.detector.loss import IGNORED, PADDING
from export.detector.settings import Changes

_SHIFT = 0.2  # of the image's side
_BRIGHTNESS = 0.15
_CONTRAST = (0.7, 1.3)
_SATURATION = (0.7, 1.3)
_HUE = 0.03
# A sliver of an object that was moved over the border teaches nothing but slivers.
_LEAST_VISIBLE = 0.3
_MOSAIC_CENTRE = (0.2, 0.8)  # where four images may meet, of the square's side: Darknet's

# Of the four: is it the right one of its row, the lower one of its column?
_QUADRANTS = ((False, False), (True, False), (False, True), (True, True))

FLIPS = {
    "none": ((False, False),),
    "horizontal": ((False, False), (True, False)),
    "both": ((False, False), (True, False), (False, True), (True, True)),
}
"""The mirror images of each of :data:`export.detector.settings.MIRRORS`, the image itself first:
left and right exchanged, top and bottom exchanged."""


def flip(
    pixels: tf.Tensor, boxes: tf.Tensor, horizontal: tf.Tensor | bool, vertical: tf.Tensor | bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror.

    Args:
        pixels: float32 [S, S, 3].
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the square.
        horizontal: Exchange left and right; bool, or a scalar tensor of it.
        vertical: Exchange top and bottom.

    Returns:
        Both, mirrored.
    """
    side = tf.cast(tf.shape(pixels)[0], tf.float32)
    flips = tf.stack([horizontal, vertical])
    # Unlike tf.reverse, the op takes flags: one pass, whatever is exchanged.
    pixels = tf.raw_ops.Reverse(tensor=pixels, dims=tf.stack([vertical, horizontal, False]))
    low, high = boxes[:, :2], boxes[:, 2:]
    return pixels, tf.concat(
        [tf.where(flips, side - high, low), tf.where(flips, side - low, high)], axis=-1
    )


def scale_and_translate(
    pixels: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Scale about the centre and move; what comes in at the border is grey.

    Args:
        pixels: float32 [S, S, 3], 0 to 255.
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the square.
        classes: int32 [n].
        scale: Scalar factor.
        shift: [2] in pixels, to the right and downward.

    Returns:
        The three, changed; boxes are cut at the border, and those of which less than 30 % is left
        become padding, but not what is ignored.
    """
    side = tf.cast(tf.shape(pixels)[0], tf.float32)
    centre = side / 2
    # The op wants the map from output to input, in pixel centres.
    inverse = 1 / scale
    offset = centre - 0.5 - (centre - 0.5 + shift) * inverse
    transform = tf.stack([inverse, 0.0, offset[0], 0.0, inverse, offset[1], 0.0, 0.0])
    moved = _transformed(pixels[None], transform[None], "BILINEAR")[0]
    moved = tf.ensure_shape(moved, pixels.shape)
    whole = (boxes - centre) * scale + centre + tf.tile(shift, [2])
    cut = tf.clip_by_value(whole, 0.0, side)
    return moved, cut, _still_there(classes, cut, whole)


def mosaic(
    pixels: tf.Tensor, places: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Put the corners of four images together at a random point (YOLOv4, section 3.3).

    Each keeps its size, and shows the part of it that lies toward that point. Their own corners
    meet, not those of their squares: objects have neighbours on all sides, and no border of the
    letterbox lies between. What is left over is grey, at the border.

    Args:
        pixels: float32 [4, S, S, 3], RGB, 0 to 255, letterboxed.
        places: float32 [4, 4], where in its square each image lies: xmin, ymin, xmax, ymax.
        boxes: float32 [4, n, 4], xmin, ymin, xmax, ymax in pixels of the square.
        classes: int32 [4, n].
        seed: int64 [2].

    Returns:
        One image [S, S, 3], its boxes [4 * n, 4], cut where the images end, and classes [4 * n];
        boxes of which less than 30 % is left are padding, but not what is ignored.
    """
    side = pixels.shape[1]
    low, high = (int(side * share) for share in _MOSAIC_CENTRE)
    point = tf.random.stateless_uniform([2], seed, low, high, tf.int32)
    x, y = point[0], point[1]
    at = tf.cast(point, tf.float32)
    # The first image's lower right corner comes to the point, the second's lower left one, …
    shift = at - tf.where(_QUADRANTS, places[:, :2], places[:, 2:])
    one, zero = tf.ones([4]), tf.zeros([4])
    back = tf.stack([one, zero, -shift[:, 0], zero, one, -shift[:, 1], zero, zero], axis=1)
    shifted = _transformed(pixels, back, "NEAREST")
    top = tf.concat([shifted[0, :y, :x], shifted[1, :y, x:]], axis=1)
    bottom = tf.concat([shifted[2, y:, :x], shifted[3, y:, x:]], axis=1)
    together = tf.ensure_shape(tf.concat([top, bottom], axis=0), pixels.shape[1:])
    moved = boxes + tf.tile(shift, [1, 2])[:, None, :]
    begins = tf.where(_QUADRANTS, at, 0.0)
    ends = tf.where(_QUADRANTS, float(side), at)
    cut = tf.maximum(
        tf.minimum(moved, tf.tile(ends, [1, 2])[:, None, :]), tf.tile(begins, [1, 2])[:, None, :]
    )
    kept = _still_there(classes, cut, moved)
    return together, tf.reshape(cut, [-1, 4]), tf.reshape(kept, [-1])


def randomly(
    pixels: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, changes: Changes
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Flip, scale, translate and change colours, all drawn from ``seed``.

    Args:
        pixels: float32 [S, S, 3], RGB, 0 to 255.
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the square.
        classes: int32 [n].
        seed: int64 [2].
        changes: Which are allowed; each allowed mirror image is as likely.

    Returns:
        The three, changed; the same seed changes the same way.
    """
    seeds = tf.unstack(tf.random.split(seed, 7))
    side = tf.cast(tf.shape(pixels)[0], tf.float32)
    allowed = tf.constant(FLIPS[changes.mirror])
    drawn = tf.random.stateless_uniform([], seeds[0], 0, len(allowed), tf.int32)
    pixels, boxes = flip(pixels, boxes, *tf.unstack(allowed[drawn]))
    # Halving is as likely as doubling.
    most = math.log(changes.max_scale)
    scale = tf.exp(tf.random.stateless_uniform([], seeds[1], -most, most))
    shift = tf.random.stateless_uniform([2], seeds[2], -_SHIFT, _SHIFT) * side
    pixels, boxes, classes = scale_and_translate(pixels, boxes, classes, scale, shift)
    unit = pixels / 255
    unit = tf.image.stateless_random_brightness(unit, _BRIGHTNESS, seeds[3])
    unit = tf.image.stateless_random_contrast(unit, *_CONTRAST, seeds[4])
    unit = tf.clip_by_value(unit, 0.0, 1.0)
    unit = tf.image.stateless_random_saturation(unit, *_SATURATION, seeds[5])
    unit = tf.image.stateless_random_hue(unit, _HUE, seeds[6])
    return tf.clip_by_value(unit, 0.0, 1.0) * 255, boxes, classes


def _transformed(images: tf.Tensor, transforms: tf.Tensor, interpolation: str) -> tf.Tensor:
    """Move images by maps from output to input; what comes in at the border is grey."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        fill_value=GREY,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )


def _still_there(classes: tf.Tensor, cut: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Return the classes, padding where too little of a box is left.

    Of what is ignored, any part stays so: the rest of a crowd is no background.
    """
    seen = _area(cut)
    enough = seen / tf.maximum(_area(whole), 1e-6) >= _LEAST_VISIBLE
    return tf.where(enough | ((classes <= IGNORED) & (seen > 0)), classes, PADDING)


def _area(boxes: tf.Tensor) -> tf.Tensor:
    size = tf.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return size[..., 0] * size[..., 1]
