"""The networks of a detector's backbones: each gives one feature map a scale, coarsest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from export.classifier import backbones as classifiers
from export.detector.layers import convolution
from export.errors import SettingsError


class BackboneUnavailableError(SettingsError):
    """A backbone needs an optional package that is not installed."""


def yolov3_tiny(image_size: int) -> keras.Model:
    """Build the seven convolutions of YOLOv3-tiny.

    Returns:
        Model of preprocessed float32 [batch, S, S, 3] to ``[S/32, S/32, 1024]`` and
        ``[S/16, S/16, 256]``, both float32.
    """
    unit, stride_32, stride_16, _ = _tiny(image_size)
    return keras.Model(unit, [stride_32, stride_16], name="yolov3_tiny")


def yolov3_tiny_3l(image_size: int) -> keras.Model:
    """Build the same seven convolutions with a third scale, as Darknet's ``yolov3-tiny_3l``.

    Returns:
        Model of preprocessed float32 [batch, S, S, 3] to ``[S/32, S/32, 1024]``,
        ``[S/16, S/16, 256]`` and ``[S/8, S/8, 128]``, all float32.
    """
    unit, *scales = _tiny(image_size)
    return keras.Model(unit, scales, name="yolov3_tiny_3l")


def _tiny(image_size: int) -> tuple[Any, Any, Any, Any]:
    unit = x = keras.Input((image_size, image_size, 3), name="unit")
    for index, filters in enumerate((16, 32, 64, 128, 256, 512)):
        x = convolution(x, filters, 3, f"conv_{index:02d}")
        if filters == 128:
            stride_8 = x
        elif filters == 256:
            stride_16 = x
        # Darknet's last pool has stride 1 and pads below and to the right, as "same" does.
        x = layers.MaxPooling2D(
            2, strides=2 if filters < 512 else 1, padding="same", name=f"pool_{index:02d}"
        )(x)
    return unit, convolution(x, 1024, 3, "conv_06"), stride_16, stride_8


def darknet53(image_size: int) -> keras.Model:
    """Build the 52 convolutions of Darknet53 (YOLOv3), without the classifier.

    Returns:
        Model of preprocessed float32 [batch, S, S, 3] to ``[S/32, S/32, 1024]``,
        ``[S/16, S/16, 512]`` and ``[S/8, S/8, 256]``, all float32.
    """
    unit = x = keras.Input((image_size, image_size, 3), name="unit")
    x = convolution(x, 32, 3, "conv_00")
    index = 1
    stages = []
    for filters, blocks in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = convolution(x, filters, 3, f"conv_{index:02d}", stride=2)
        index += 1
        for _ in range(blocks):
            narrow = convolution(x, filters // 2, 1, f"conv_{index:02d}")
            wide = convolution(narrow, filters, 3, f"conv_{index + 1:02d}")
            x = layers.Add(name=f"add_{index + 1:02d}")([x, wide])
            index += 2
        stages.append(x)
    return keras.Model(unit, stages[:1:-1], name="darknet53")


def mobilenet_v2(image_size: int) -> keras.Model:
    """Build MobileNetV2 by ``keras.applications``.

    Returns:
        Model of preprocessed float32 [batch, S, S, 3] to ``[S/32, S/32, 1280]``,
        ``[S/16, S/16, 576]`` and ``[S/8, S/8, 192]``, all float32. The last two are the widened
        ones of the blocks that halve them, as SSDLite's of stride 16 (Sandler et al. 2018,
        section 6.2).
    """
    network = classifiers.BACKBONES["mobilenet_v2"].build(image_size)
    names = ("block_13_expand_relu", "block_6_expand_relu")
    finer = [network.get_layer(name).output for name in names]
    return keras.Model(network.input, [network.output, *finer], name="mobilenet_v2")


CSP_DARKNET53 = {
    "stem_filters": 32,
    "stem_kernel_size": 3,
    "stem_strides": 1,
    "stem_padding": "same",
    "stackwise_num_filters": [64, 128, 256, 512, 1024],
    "stackwise_depth": [1, 2, 8, 8, 4],
    "stackwise_strides": [2, 2, 2, 2, 2],
    "bottle_ratio": [0.5, 1.0],
    "block_ratio": [1.0, 0.5],
    "expand_ratio": [2.0, 1.0],
    "stage_type": "csp",
    "block_type": "dark_block",
    "down_growth": True,
}
"""What keras-hub's ``CSPNetBackbone`` is told for the network that timm calls cspdarknet53 and that
the hub's ImageNet preset holds."""


def csp_darknet53(image_size: int, preset: str | None = None) -> keras.Model:
    """Build CSPDarknet53 by keras-hub.

    Args:
        image_size: Side of the square image.
        preset: A keras-hub preset (its name, or a local preset folder); None for random weights.

    Returns:
        Model of preprocessed float32 [batch, S, S, 3] to ``[S/32, S/32, 1024]``,
        ``[S/16, S/16, 512]`` and ``[S/8, S/8, 256]``, all float32.

    Raises:
        BackboneUnavailableError: keras-hub is not installed.
        ValueError: The preset is of a network that lacks one of the feature maps.
    """
    try:
        from keras_hub.models import CSPNetBackbone
    except ImportError as err:
        raise BackboneUnavailableError(
            "the backbone csp_darknet53 needs keras-hub, which cannot be imported "
            f'({err}); install it with: pip install "vision-forge[hub]"'
        ) from err
    shape = (image_size, image_size, 3)
    if preset is None:
        network = CSPNetBackbone(**CSP_DARKNET53, image_shape=shape)
    else:
        network = CSPNetBackbone.from_preset(preset, image_shape=shape)
    # By size and not by name: keras-hub counts its P2, P3, … from the first stage, whose stride
    # is 2 here and 4 in others of its networks.
    by_stride = {
        image_size // output.shape[1]: output for output in network.pyramid_outputs.values()
    }
    strides = (32, 16, 8)
    if missing := [stride for stride in strides if stride not in by_stride]:
        raise ValueError(
            f"expected feature maps of strides 32, 16 and 8; the preset {preset!r} lacks "
            f"{', '.join(map(str, missing))}, it has {', '.join(map(str, sorted(by_stride)))}"
        )
    outputs = [by_stride[stride] for stride in strides]
    return keras.Model(network.input, outputs, name="csp_darknet53")


NETWORKS: dict[str, Callable[[int], Any]] = {
    "yolov3_tiny": yolov3_tiny,
    "yolov3_tiny_3l": yolov3_tiny_3l,
    "darknet53": darknet53,
    "csp_darknet53": csp_darknet53,
    "mobilenet_v2": mobilenet_v2,
}
"""By name of :data:`export.detector.backbones.BACKBONES`: makes the network for a square image of
this side, random weights."""
