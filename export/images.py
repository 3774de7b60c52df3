"""Decoding and resizing: the same TensorFlow ops in training and in the served graph.

A model sees in production exactly the pixels it was trained on only if one piece of code makes
both. Everything here is a standard op that TensorFlow Serving, TensorFlow Java and LiteRT have.
"""

from __future__ import annotations

import tensorflow as tf

from export import upright
from serving_config import refusals
from serving_config.refusals import MAX_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_HEADER = 24  # bytes of a PNG up to the end of its width and height


def decode(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decode one JPEG or PNG file.

    The header is read first. A file of a megabyte can claim, and decode to, gigabytes; and the
    decoder knows formats (WebP, JPEG XL, GIF) that other runtimes of the same graph do not.

    Args:
        image_bytes: Scalar string, the whole file.

    Returns:
        uint8 [height, width, 3], RGB, 0 to 255, upright: the EXIF orientation of a JPEG is applied.
        An alpha channel is dropped, grey is repeated, of 16 bits the upper 8 are kept.

    Raises:
        tf.errors.InvalidArgumentError: The bytes are no JPEG or PNG file, are cut off, or claim
            more than ``MAX_PIXELS`` (when the op runs).
    """
    # Padded, so that a short string needs no case of its own.
    header = tf.strings.join([tf.strings.substr(image_bytes, 0, _HEADER), b"\0" * _HEADER])
    is_png = tf.equal(tf.strings.substr(header, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(header, 0, len(_JPEG)), _JPEG)
    known = tf.debugging.Assert(is_png | is_jpeg, [refusals.KIND, tf.strings.length(image_bytes)])
    with tf.control_dependencies([known]):
        height_and_width = tf.cond(
            is_png,
            lambda: tf.reverse(_png_width_and_height(header), [0]),
            lambda: tf.io.extract_jpeg_shape(image_bytes)[:2],
        )
    claimed = tf.cast(height_and_width, tf.int64)
    fits = tf.reduce_all(claimed >= 1) & (tf.reduce_prod(claimed) <= MAX_PIXELS)
    bounded = tf.debugging.Assert(fits, [refusals.SIZE, claimed])
    with tf.control_dependencies([bounded]):
        image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return upright.turn_upright(image, upright.orientation(image_bytes))


def _png_width_and_height(header: tf.Tensor) -> tf.Tensor:
    # The first chunk is IHDR: 8 bytes signature, 8 bytes length and type, then the two sizes.
    sizes = tf.io.decode_raw(tf.strings.substr(header, 16, 8), tf.int32, little_endian=False)
    return tf.ensure_shape(sizes, [2])


def resize(images: tf.Tensor, image_size: int) -> tf.Tensor:
    """Resize to the square that a network takes; the aspect ratio is not kept.

    Args:
        images: uint8 or float32 [..., height, width, 3], 0 to 255.
        image_size: Side of the square in pixels.

    Returns:
        float32 [..., image_size, image_size, 3], 0 to 255, by bilinear interpolation with
        half-pixel centres and no antialiasing (LiteRT has no other).
    """
    return tf.image.resize(images, [image_size, image_size], method="bilinear", antialias=False)
