"""Decoding and resizing: the same TensorFlow ops in training and in the served graph.

A model sees in production exactly the pixels it was trained on only if one piece of code makes
both. Everything here is a standard op that TensorFlow Serving, TensorFlow Java and LiteRT have.
"""

from __future__ import annotations

import tensorflow as tf


def decode(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decode one JPEG or PNG file.

    Args:
        image_bytes: Scalar string, the whole file.

    Returns:
        uint8 [height, width, 3], RGB, 0 to 255. EXIF orientation is not applied, an alpha channel
        is dropped, grey is repeated.

    Raises:
        tf.errors.InvalidArgumentError: The bytes are no image (when the op runs).
    """
    image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return image


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
