"""Random changes of training photographs; part of the training graph, never of an exported one."""

from __future__ import annotations

from typing import Any

import keras

_LAYERS = {
    "flip": lambda: keras.layers.RandomFlip("horizontal"),
    "brightness": lambda: keras.layers.RandomBrightness(0.1, value_range=(0, 255)),
    "contrast": lambda: keras.layers.RandomContrast(0.1, value_range=(0, 255)),
    "zoom": lambda: keras.layers.RandomZoom(0.1),
}


def augmentation(names: tuple[str, ...]) -> Any:
    """Return the changes as one layer.

    Args:
        names: Of :data:`export.classifier.settings.AUGMENTATIONS`.

    Returns:
        A layer of float32 [batch, size, size, 3], RGB 0 to 255, that changes nothing unless it is
        called with ``training=True``; None without names.
    """
    if not names:
        return None
    return keras.Sequential([_LAYERS[name]() for name in names], name="augmentation")
