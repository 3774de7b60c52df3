"""The detector's network, and the parts of it that train apart.

One set of layers, looked at in several ways: the whole model that is saved, and the parts that
train on features computed once. Training a part trains the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from export.detector.backbones import Backbone
from export.detector.predictions import Grid, candidates


@dataclass(frozen=True)
class Detector:
    """A network and its parts, which share their layers.

    Attributes:
        model: float32 [batch, S, S, 3], RGB 0 to 255, letterboxed → the head's raw predictions,
            one a scale. This is what ``.keras`` holds. The backbone's BatchNormalization keeps its
            statistics even where it is trained.
        from_scratch: The same network with BatchNormalization in training mode, for a backbone
            without pretrained statistics.
        backbone: The feature extractor, preprocessed pixels → feature maps.
        head: Feature maps → raw predictions.
        features: Pixels → feature maps.
        top: Names of the backbone's layers above the cut, which phase 2 trains.
        grid: Geometry of the predictions.
        class_names: In label order.
    """

    model: Any
    from_scratch: Any
    backbone: Any
    head: Any
    features: Any
    top: tuple[str, ...]
    grid: Grid
    class_names: tuple[str, ...]

    def candidates(self, letterboxed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute all candidates of a batch, before non-maximum suppression.

        Args:
            letterboxed: float32 [batch, S, S, 3], RGB, 0 to 255.

        Returns:
            ``boxes`` float32 [batch, n, 4], xmin, ymin, xmax, ymax in pixels of the square, and
            ``scores`` float32 [batch, n, classes].
        """
        boxes, scores = candidates(self.model(letterboxed, training=False), self.grid)
        return {"boxes": boxes, "scores": scores}


def assemble(
    row: Backbone, backbone: Any, head: Any, grid: Grid, class_names: tuple[str, ...]
) -> Detector:
    """Put a head on a backbone and freeze the backbone.

    Args:
        row: The backbone's row, for its preprocessing and its cut.
        backbone: The backbone, its weights loaded.
        head: Neck and head.
        grid: Geometry of the predictions.
        class_names: In label order.
    """
    backbone.trainable = False
    pixels = keras.Input((grid.image_size, grid.image_size, 3), name="pixels")
    unit = row.preprocess(pixels)
    features = backbone(unit, training=False)
    return Detector(
        model=keras.Model(pixels, head(features), name="detector"),
        from_scratch=keras.Model(pixels, head(backbone(unit)), name="detector_from_scratch"),
        backbone=backbone,
        head=head,
        features=keras.Model(pixels, features, name="features"),
        top=_layers_above(backbone, row.cut),
        grid=grid,
        class_names=class_names,
    )


def _layers_above(backbone: Any, cut: str) -> tuple[str, ...]:
    names = [layer.name for layer in backbone.layers]
    if cut not in names:
        raise ValueError(f"{backbone.name} has no layer {cut!r} to cut at; it has {names}")
    # Functional models list their layers from the input on.
    return tuple(names[names.index(cut) + 1 :])


def unfreeze(backbone: Any, names: tuple[str, ...]) -> None:
    """Make these layers of the backbone trainable and freeze the rest.

    Compile the model that trains afterwards: Keras decides at compile time what is trained.
    """
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = layer.name in names
