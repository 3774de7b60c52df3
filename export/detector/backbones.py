"""The feature extractors a detector can stand on: one row each, data alone.

A backbone's preprocessing belongs to the backbone: it is chosen here once, built into the model
once, and no caller ever normalises. Keras is loaded when a network is built, so that ``--help`` can
list them without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.training.input_range import InputRange
    from export.training.preprocessing import Preprocessing


@dataclass(frozen=True)
class BackboneSpec:
    """One row of :data:`BACKBONES`.

    Attributes:
        name: Name on the command line, and of the network in :mod:`export.detector.networks`.
        description: What it is, for ``--help``.
        mode: A key of :data:`export.training.preprocessing.PREPROCESSING`.
        strides: Pixels a cell of each feature map, coarsest first.
        fine_tune_after: Name of the layer after which fine-tuning starts: what comes before stays
            frozen in both phases. None: the layer that gives the second coarsest feature map, so
            that the last stage is fine-tuned.
        feature_pyramid: True for YOLOv3's head with a feature pyramid, False for the tiny one.
        weights_from: What fills it: ``darknet`` (``.weights`` files), ``hub`` (a keras-hub preset)
            or ``keras`` (the files that fill the classifier's base of this name).
        weights_of: Name of another backbone of the same convolutions and fewer scales, whose files
            fill this one too; empty: none.
    """

    name: str
    description: str
    mode: str
    strides: tuple[int, ...]
    fine_tune_after: str | None = None
    feature_pyramid: bool = True
    weights_from: str = "darknet"
    weights_of: str = ""

    @property
    def preprocess(self) -> Callable[[Any], Any]:
        """From RGB 0 to 255 to what the network takes, as serialisable layers."""
        return self._preprocessing.apply

    @property
    def input_range(self) -> InputRange:
        """What that is; both the code and the first images are held to it."""
        return self._preprocessing.input_range

    @property
    def _preprocessing(self) -> Preprocessing:
        from export.training.preprocessing import PREPROCESSING

        return PREPROCESSING[self.mode]

    def build(self, image_size: int) -> Any:
        """Make the network for a square image of this side, random weights."""
        from export.detector.networks import NETWORKS

        return NETWORKS[self.name](image_size)


BACKBONES = {
    row.name: row
    for row in (
        BackboneSpec(
            name="yolov3_tiny",
            description="7 convolutions, two scales; the fastest",
            mode="unit",
            strides=(32, 16),
            fine_tune_after="pool_03",
            feature_pyramid=False,
        ),
        BackboneSpec(
            name="yolov3_tiny_3l",
            description="the same with a third scale: better, a third slower",
            mode="unit",
            strides=(32, 16, 8),
            fine_tune_after="pool_03",
            feature_pyramid=False,
            weights_of="yolov3_tiny",
        ),
        BackboneSpec(
            name="darknet53",
            description="52 convolutions of YOLOv3, three scales",
            mode="unit",
            strides=(32, 16, 8),
        ),
        BackboneSpec(
            name="csp_darknet53",
            description="CSPDarknet53 of keras-hub (extra: hub), three scales",
            mode="torch",
            strides=(32, 16, 8),
            weights_from="hub",
        ),
        BackboneSpec(
            name="mobilenet_v2",
            description="MobileNetV2 with ImageNet's weights, three scales",
            mode="tf",
            strides=(32, 16, 8),
            feature_pyramid=False,
            weights_from="keras",
        ),
    )
}
"""Row by name."""
