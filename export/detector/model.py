"""The detector's network, and the parts of it that train apart.

One set of layers, looked at in several ways: the whole model that is saved, and the parts that
train on features computed once. Training a part trains the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from export.detector.backbones import BackboneSpec
from export.detector.predictions import Grid, candidates
from export.folding import fold_batch_norm


@dataclass(frozen=True)
class Detector:
    """A network and its parts, which share their layers.

    Attributes:
        spec: What is known of the backbone.
        model: float32 [batch, S, S, 3], RGB 0 to 255, letterboxed → the head's raw predictions,
            one a scale. This is what ``.keras`` holds.
        backbone: The feature extractor, preprocessed pixels → feature maps.
        head: Feature maps → raw predictions.
        features: Pixels → feature maps.
        top: Names of the backbone's layers that phase 2 trains.
        grid: Geometry of the predictions.
        class_names: In label order.
    """

    spec: BackboneSpec
    model: Any
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

    def folded(self) -> Detector:
        """Return a copy for inference, every batch normalisation part of its convolution."""
        backbone, head = fold_batch_norm(self.backbone), fold_batch_norm(self.head)
        return assemble(self.spec, backbone, head, self.grid, self.class_names)


def assemble(
    spec: BackboneSpec, backbone: Any, head: Any, grid: Grid, class_names: tuple[str, ...]
) -> Detector:
    """Put a head on a backbone and freeze the backbone.

    Args:
        spec: What is known of the backbone, for its preprocessing and where fine-tuning starts.
        backbone: The backbone, its weights loaded.
        head: Neck and head.
        grid: Geometry of the predictions.
        class_names: In label order.
    """
    backbone.trainable = False
    pixels = keras.Input((grid.image_size, grid.image_size, 3), name="pixels")
    features = backbone(spec.preprocess(pixels))
    return Detector(
        spec=spec,
        model=keras.Model(pixels, head(features), name="detector"),
        backbone=backbone,
        head=head,
        features=keras.Model(pixels, features, name="features"),
        top=_layers_after(backbone, spec.fine_tune_after),
        grid=grid,
        class_names=class_names,
    )


def _layers_after(backbone: Any, layer: str | None) -> tuple[str, ...]:
    names = [each.name for each in backbone.layers]
    if layer is None:
        layer = backbone.outputs[1]._keras_history.operation.name
    if layer not in names:
        raise ValueError(f"{backbone.name} has no layer {layer!r}; it has {names}")
    # Functional models list their layers from the input on.
    return tuple(names[names.index(layer) + 1 :])


def unfreeze_top(detector: Detector) -> None:
    """Make the backbone's top layers trainable, except their batch normalisation.

    A frozen BatchNormalization runs in inference mode, so the pretrained statistics stay. Calling
    the backbone with ``training=False`` would not do: the ``training=True`` with which the outer
    model is fitted replaces it.

    Compile the model that trains afterwards: Keras decides at compile time what is trained.
    """
    detector.backbone.trainable = True
    for layer in detector.backbone.layers:
        layer.trainable = layer.name in detector.top and not isinstance(
            layer, keras.layers.BatchNormalization
        )


def unfreeze_all(detector: Detector) -> None:
    """Make the whole backbone trainable, statistics included: it knows nothing worth keeping."""
    detector.backbone.trainable = True
