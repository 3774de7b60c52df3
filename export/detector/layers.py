"""The convolution block that Darknet's networks are made of."""

from __future__ import annotations

import keras
from keras import layers

from export.detector.darknet import BATCH_NORM_EPSILON, LEAKY_SLOPE

# Keras's default of 0.99 needs hundreds of steps to follow new statistics; a detector's head is
# trained for fewer on a small data set.
_BATCH_NORM_MOMENTUM = 0.9


def convolution(
    x: keras.KerasTensor, filters: int, size: int, name: str, stride: int = 1
) -> keras.KerasTensor:
    """Apply convolution, batch normalisation and leaky ReLU as Darknet does.

    Args:
        x: float32 [batch, height, width, channels].
        filters: Number of output channels.
        size: Side of the kernel.
        name: The convolution's name; its position among the sorted names of its model is its
            position in a ``.weights`` file.
        stride: 1 or 2. Darknet pads a strided convolution on all sides, where ``padding="same"``
            would pad only below and to the right.

    Returns:
        float32 [batch, height / stride, width / stride, filters].
    """
    if stride > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        name=name,
    )(x)
    x = layers.BatchNormalization(
        epsilon=BATCH_NORM_EPSILON, momentum=_BATCH_NORM_MOMENTUM, name=f"{name}_bn"
    )(x)
    return layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=f"{name}_leaky")(x)
