"""What the last frozen layer sees: read from the Keras model that travels with the version.

The served graph has no names for its inner layers, so this is the one part of the report that uses
``assets.extra/model.keras``; nothing here is a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export import images
from export.classifier.backbones import backbone
from export.errors import ExportError
from signature_contract.version_files import KERAS_FILE, extra

Array = np.ndarray[Any, Any]

_BATCH = 32
_RECTIFIERS = (keras.layers.Activation, keras.layers.ReLU)


class ActivationsError(ExportError):
    """The inner layers cannot be reached; the message is for the page."""


@dataclass(frozen=True)
class FrozenLayer:
    """The layer whose output is shown.

    Attributes:
        name: The layer's name.
        position: 1-based, among the base's layers.
        last_frozen: Name of the last layer that did not train: this one, or one right behind it
            whose output is not rectified.
        layers: How many the base has.
    """

    name: str
    position: int
    last_frozen: str
    layers: int


def last_frozen_activation(base: Any, frozen_layers: int) -> FrozenLayer:
    """Find the last rectified layer of a base that did not train.

    A convolution's or BatchNormalization's own output has offsets and signs that mean nothing
    before the activation behind it; what a channel *answers* is seen after that.

    Args:
        base: The base, a Keras model.
        frozen_layers: How many of its layers, from its input, did not train.

    Raises:
        ActivationsError: There is none.
    """
    frozen = base.layers[: min(frozen_layers, len(base.layers))]
    for position in range(len(frozen) - 1, 0, -1):
        layer = frozen[position]
        shape = layer.output.shape
        if isinstance(layer, _RECTIFIERS) and len(shape) == 4 and shape[1] > 1 and shape[2] > 1:
            return FrozenLayer(layer.name, position + 1, frozen[-1].name, len(base.layers))
    raise ActivationsError(
        f"No frozen layer of {base.name} has activation maps: {frozen_layers} of its "
        f"{len(base.layers)} layers were frozen."
    )


class ActivationReader:
    """Answers a frozen layer's activation maps for photographs.

    Attributes:
        layer: Which layer.
    """

    def __init__(self, version: Path, backbone_name: str, frozen_layers: int | None) -> None:
        """Load the Keras model of a version.

        Args:
            version: A published classifier's directory.
            backbone_name: As in the run's settings: whose preprocessing the base needs.
            frozen_layers: How many layers of the base did not train; None for all of them.

        Raises:
            ActivationsError: There is no such model, or it is not a classifier's.
            SettingsError: There is no such backbone.
        """
        path = extra(version, KERAS_FILE)
        if not path.is_file():
            raise ActivationsError(f"The version has no {KERAS_FILE}, and so no inner layers.")
        try:
            model = keras.saving.load_model(path, compile=False)
        except Exception as err:  # whatever Keras raises for a file of another release
            raise ActivationsError(f"{KERAS_FILE} cannot be read by this Keras: {err}") from err
        bases = [
            layer
            for layer in model.layers
            if isinstance(layer, keras.Model) and len(layer.input.shape) == 4
        ]
        if not bases:
            raise ActivationsError(f"{KERAS_FILE} has no pretrained base inside.")
        base = bases[0]
        frozen = len(base.layers) if frozen_layers is None else frozen_layers
        self.layer = last_frozen_activation(base, frozen)
        self._size = int(model.input.shape[1])
        self._inner = keras.Model(base.input, base.get_layer(self.layer.name).output)
        self._preprocess = backbone(backbone_name).preprocess

    def read(self, paths: Sequence[Path]) -> Array:
        """Run photographs as far as the layer.

        Args:
            paths: Files that the served graph can decode, at least one.

        Returns:
            float32 [photographs, height, width, channels], not negative (an activation such as
            swish dips a little below 0; that counts as no answer).
        """
        maps = []
        for start in range(0, len(paths), _BATCH):
            pixels = tf.stack(
                [
                    images.resize(images.decode(tf.constant(path.read_bytes())), self._size)
                    for path in paths[start : start + _BATCH]
                ]
            )
            activation = self._inner(self._preprocess(pixels), training=False)
            maps.append(np.maximum(activation.numpy(), 0.0))
        return np.concatenate(maps)
