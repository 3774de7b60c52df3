"""Random changes of training photographs; part of the training graph, never of an exported one.

What was tried on how many photographs, and what it brought, is in ``docs/training.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

_PIXELS = (0, 255)
_SMOOTHING = 0.1  # Szegedy et al. 2016, arXiv:1512.00567, section 7
_MIXUP = 0.2  # Beta's parameter; Zhang et al. 2018, arXiv:1710.09412, on ImageNet


class RandomResizedCrop(keras.layers.Layer):
    """Cuts a random part out of each image and resizes it to the whole.

    As GoogLeNet was trained (Szegedy et al. 2015, arXiv:1409.4842), with less to cut away: the part
    covers at least half of the image, its sides are at most in the ratio of 4 to 3.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return float32 [batch, height, width, 3] of the same size."""
        if not training:
            return inputs
        shape = tf.shape(inputs)
        area = tf.random.uniform([shape[0]], 0.5, 1.0)
        ratio = tf.exp(tf.random.uniform([shape[0]], -_LOG_RATIO, _LOG_RATIO))
        sides = tf.minimum(tf.sqrt(tf.stack([area * ratio, area / ratio], axis=1)), 1.0)
        corners = tf.random.uniform([shape[0], 2]) * (1.0 - sides)
        boxes = tf.concat([corners, corners + sides], axis=1)
        return tf.image.crop_and_resize(inputs, boxes, tf.range(shape[0]), shape[1:3])


_LOG_RATIO = 0.14384104  # of 4 to 3, on both sides of a square: half its logarithm

_LAYERS: dict[str, Callable[[], Any]] = {
    "flip": lambda: keras.layers.RandomFlip("horizontal"),
    "brightness": lambda: keras.layers.RandomBrightness(0.1, value_range=_PIXELS),
    "contrast": lambda: keras.layers.RandomContrast(0.1, value_range=_PIXELS),
    "zoom": lambda: keras.layers.RandomZoom(0.1),
    "crop": RandomResizedCrop,
    "color": lambda: keras.layers.RandomColorJitter(
        _PIXELS,
        brightness_factor=0.2,
        contrast_factor=0.2,
        saturation_factor=(0.35, 0.65),  # 0.5 changes nothing
        hue_factor=0.02,
    ),
}


@dataclass(frozen=True)
class Augmentation:
    """How a training batch is changed.

    Attributes:
        pixels: A layer of float32 [batch, size, size, 3], RGB 0 to 255, that changes nothing unless
            it is called with ``training=True``; None changes none.
        mixes: Whether images, and their labels in the loss, are mixed in pairs.
        smoothing: Share of the loss that counts all classes alike.
    """

    pixels: Any = None
    mixes: bool = False
    smoothing: float = 0.0

    def mix(self, images: Any) -> tuple[Any, Any, Any]:
        """Mix each image with another of its batch.

        Args:
            images: float32 [batch, …].

        Returns:
            The mixed images; the position of the other image of each, int32 [batch]; and the share
            of the image itself, float32 scalar, at least a half.
        """
        others = tf.random.shuffle(tf.range(tf.shape(images)[0]))
        first, second = (tf.random.gamma([], _MIXUP) + 1e-7 for _ in range(2))
        share = first / (first + second)
        share = tf.maximum(share, 1.0 - share)
        return share * images + (1.0 - share) * tf.gather(images, others), others, share


def augmentation(names: tuple[str, ...]) -> Augmentation | None:
    """Return the changes with these names.

    Args:
        names: Of :data:`export.classifier.settings.AUGMENTATIONS`.

    Returns:
        The changes; None without names.
    """
    if not names:
        return None
    layers = [_LAYERS[name]() for name in names if name in _LAYERS]
    return Augmentation(
        keras.Sequential(layers, name="augmentation") if layers else None,
        "mixup" in names,
        _SMOOTHING if "smoothing" in names else 0.0,
    )


def evenly(logits: Any) -> Any:
    """Return the loss of labels that name every class alike, float32 scalar.

    Args:
        logits: [batch, C], or [batch, 1] of the second of two classes.
    """
    if logits.shape[-1] == 1:
        return tf.reduce_mean(0.5 * (tf.nn.softplus(logits) + tf.nn.softplus(-logits)))
    return -tf.reduce_mean(tf.nn.log_softmax(logits))
