"""Neck and head: from a backbone's feature maps to raw predictions.

The layers and their order are those of YOLOv3 and YOLOv3-tiny, so that Darknet's own files fill
them too; only the last 1x1 convolution of each scale depends on the number of classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import layers

from export.detector.layers import convolution

ANCHORS_PER_SCALE = 3
"""YOLOv3's choice: three box shapes a cell."""

_OBJECT_PRIOR = 0.01


def build(
    feature_shapes: Sequence[tuple[int, int, int]], num_classes: int, *, feature_pyramid: bool
) -> keras.Model:
    """Build neck and head.

    Args:
        feature_shapes: Height, width and channels of each feature map, coarsest first.
        num_classes: Number of classes, at least 1.
        feature_pyramid: True for YOLOv3's five-convolution neck at each scale, False for the tiny
            one.

    Returns:
        Model of the feature maps to one raw prediction a scale, float32 [batch, height, width,
        3, 5 + num_classes]: x, y, width, height, objectness, classes, all before any activation.
    """
    features = [
        keras.Input(shape, name=f"features_{index}") for index, shape in enumerate(feature_shapes)
    ]
    build_scale = _pyramid_scale if feature_pyramid else _tiny_scale
    names = (f"conv_{index:02d}" for index in range(99))
    outputs = []
    upward = None
    for index, feature in enumerate(features):
        x = feature
        if upward is not None:
            narrow = convolution(upward, upward.shape[-1] // 2, 1, next(names))
            wide = layers.UpSampling2D(2, name=f"upsample_{index}")(narrow)
            x = layers.Concatenate(name=f"join_{index}")([wide, feature])
        # The widths follow YOLOv3: 512, 256, 128; tiny's coarsest neck is 256.
        width = 512 >> index
        upward, x = build_scale(x, width, names, coarsest=index == 0)
        raw = layers.Conv2D(
            ANCHORS_PER_SCALE * (5 + num_classes),
            1,
            bias_initializer=_prior_bias(num_classes),
            name=next(names),
        )(x)
        outputs.append(
            layers.Reshape(
                (*feature.shape[1:3], ANCHORS_PER_SCALE, 5 + num_classes), name=f"raw_{index}"
            )(raw)
        )
    return keras.Model(features, outputs, name="head")


def _tiny_scale(x: Any, width: int, names: Iterator[str], *, coarsest: bool) -> tuple[Any, Any]:
    """Return what goes up to the finer scale, and what goes into the scale's last convolution."""
    if coarsest:
        x = upward = convolution(x, width // 2, 1, next(names))
        return upward, convolution(x, width, 3, next(names))
    x = convolution(x, width, 3, next(names))
    return x, x


def _pyramid_scale(
    x: Any,
    width: int,
    names: Iterator[str],
    *,
    coarsest: bool,  # noqa: ARG001
) -> tuple[Any, Any]:
    for size in (1, 3, 1, 3, 1):
        x = convolution(x, width if size == 1 else 2 * width, size, next(names))
    return x, convolution(x, 2 * width, 3, next(names))


def _prior_bias(num_classes: int) -> keras.initializers.Initializer:
    """Start with objectness near 0.01: nearly every cell is background (RetinaNet, section 4.1)."""
    prior = -math.log((1 - _OBJECT_PRIOR) / _OBJECT_PRIOR)
    values = ([0.0] * 4 + [prior] + [0.0] * num_classes) * ANCHORS_PER_SCALE
    return _VectorInitializer(values)


@keras.saving.register_keras_serializable("vision_forge")
class _VectorInitializer(keras.initializers.Initializer):
    """Start a bias from given values."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = list(values)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.reshape(keras.ops.convert_to_tensor(self.values, dtype=dtype), shape)

    def get_config(self) -> dict[str, list[float]]:
        return {"values": self.values}
