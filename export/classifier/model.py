"""The classifier's network: preprocessing, a pretrained base, a new head.

One set of layers, looked at in several ways: the whole model that is saved, and the parts that
train on features computed once. Training a part trains the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from export.classifier.augmentation import Augmentation, evenly
from export.classifier.backbones import BackboneSpec
from export.classifier.settings import ClassifierSettings
from export.errors import SettingsError
from export.folding import fold_batch_norm
from serving_config.tensor_names import LOGITS, PROBABILITIES


@dataclass(frozen=True)
class Classifier:
    """A network and its parts, which share their layers.

    Attributes:
        model: float32 [batch, size, size, 3], RGB 0 to 255 → probabilities: [batch, 1] (of the
            second class) for two classes, [batch, C] otherwise. This is what ``.keras`` holds.
        base: The pretrained base.
        features: The same input as ``model`` → pooled base features, float32 [batch, channels].
        lower: The same input → features of ``feature_layer``, below every layer that phase 2 may
            train.
        feature_layer: The layer of the base whose outputs those are.
        head: Pooled base features → logits, [batch, 1] or [batch, C].
        spec: What is known of the base.
        classes: Number of classes.
    """

    model: Any
    base: Any
    features: Any
    lower: Any
    feature_layer: Any
    head: Any
    spec: BackboneSpec
    classes: int

    def between(self, layers: int) -> Any:
        """Return features of ``lower`` → features below the top ``layers``; None if the same."""
        higher = layer_below(self.base, layers)
        if higher is self.feature_layer:
            return None
        return keras.Model(self.feature_layer.output, higher.output, name=f"below_top_{layers}")

    def above(self, layers: int) -> Any:
        """Return features below the top ``layers`` of the base → pooled base features."""
        below = layer_below(self.base, layers).output
        return keras.Model(below, _pool()(self.base.output), name=f"top_{layers}")

    def network(self) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        """Return what is served: the trained network with its batch normalisations folded.

        Returns:
            A function of float32 [batch, size, size, 3], RGB, 0 to 255, that gives ``logits`` and
            ``probabilities``, float32 [batch, C]. A sigmoid's single logit z stands as [0, z],
            whose softmax is [1 - sigmoid(z), sigmoid(z)].
        """
        pixels = keras.Input(self.model.input.shape[1:])
        pooled = _pool()(fold_batch_norm(self.base)(self.spec.preprocess(pixels)))
        return self._answering(keras.Model(pixels, self.head(pooled)))

    def trained(self) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        """Return the same function as :meth:`network`, of the network as it was trained."""
        return self._answering(keras.Model(self.features.input, self.head(self.features.output)))

    def _answering(self, model: Any) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        def answer(resized: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = model(resized, training=False)
            if self.classes == 2:
                logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
            return {LOGITS: logits, PROBABILITIES: tf.nn.softmax(logits)}

        return answer


class Assembly(keras.Model):
    """A pretrained base in inference mode, and a head in whatever mode the call asks for.

    ``base(x, training=False)`` inside a functional model does not survive ``fit``: Keras 3 passes
    the call's ``training=True`` down over the recorded False, and an unfrozen BatchNormalization
    then uses and changes its statistics. Here the call itself says False.
    """

    def __init__(
        self,
        features: Any,
        head: Any,
        augmentation: Augmentation | None = None,
        *,
        pretrained: bool = True,
    ) -> None:
        """Take the parts.

        Args:
            features: Input → pooled features.
            head: Pooled features → logits.
            augmentation: Changes the input and the loss, while training only.
            pretrained: False for a base that learns from scratch, statistics included.
        """
        super().__init__()
        self._features, self._head = features, head
        self._changes = augmentation or Augmentation()
        self._pixels = self._changes.pixels  # Keras finds a layer's seeds by the attribute
        self._pretrained = pretrained
        self._mixed: tuple[Any, Any] | None = None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the logits of a batch."""
        if self._pixels is not None:
            inputs = self._pixels(inputs, training=training)
        if training and self._changes.mixes:
            inputs, others, share = self._changes.mix(inputs)
            self._mixed = others, share
        features = self._features(inputs, training=False if self._pretrained else training)
        return self._head(features, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss; of a mixed batch both labels count, each by its share.

        Mixing and smoothing are of training's loss alone, so that validation's stays comparable.
        """
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        if self._changes.mixes and self._mixed:
            others, share = self._mixed
            weights = None if sample_weight is None else tf.gather(sample_weight, others)
            other = super().compute_loss(x, tf.gather(y, others), y_pred, weights, training)
            loss = share * loss + (1.0 - share) * other
        if self._changes.smoothing:
            even = self._changes.smoothing
            loss = (1.0 - even) * loss + even * evenly(y_pred)
        return loss


def build(spec: BackboneSpec, base: Any, settings: ClassifierSettings, classes: int) -> Classifier:
    """Put a head on a base.

    Args:
        spec: The base's spec, for its preprocessing.
        base: The base, its weights loaded.
        settings: The run's settings.
        classes: Number of classes, at least 2.

    Returns:
        The classifier with its base frozen.
    """
    base.trainable = False
    units = 1 if classes == 2 else classes
    head = keras.Sequential(
        [
            keras.Input(base.output.shape[-1:]),
            keras.layers.Dropout(settings.dropout, name="dropout"),
            keras.layers.Dense(units, name="logits"),
        ],
        name="head",
    )
    feature_layer = layer_below(base, settings.policy.unfreezing[-1])
    pixels = keras.Input((settings.image_size, settings.image_size, 3), name="pixels")
    preprocessed = spec.preprocess(pixels)
    pooled = _pool()(base(preprocessed, training=False))
    probabilities = keras.layers.Activation(
        "sigmoid" if classes == 2 else "softmax", name="probabilities"
    )
    return Classifier(
        model=keras.Model(pixels, probabilities(head(pooled)), name="classifier"),
        base=base,
        features=keras.Model(pixels, pooled, name="features"),
        lower=keras.Model(
            pixels, keras.Model(base.input, feature_layer.output)(preprocessed), name="lower"
        ),
        feature_layer=feature_layer,
        head=head,
        spec=spec,
        classes=classes,
    )


def _pool() -> Any:
    return keras.layers.GlobalAveragePooling2D(name="pool")


def layer_below(base: Any, trained_layers: int) -> Any:
    """Find the highest layer that all data passes through below the top ``trained_layers``.

    A base with shortcuts can be divided only where a single tensor connects the two parts.

    Raises:
        SettingsError: There is none; the base has too few layers.
    """
    # Layers, and operations between them that are none, in the order of the data.
    operations = list(base.operations)
    place = {id(operation): position for position, operation in enumerate(operations)}
    last_reader = list(range(len(operations)))
    for position, operation in enumerate(operations):
        for tensor in keras.tree.flatten(operation.input):
            producer = place[id(tensor._keras_history.operation)]
            last_reader[producer] = max(last_reader[producer], position)
    # All data passes through a layer where nothing before it is read behind it.
    reached = list(itertools.accumulate(last_reader, max))
    for layer in reversed(base.layers[1 : len(base.layers) - trained_layers]):
        position = place[id(layer)]
        if reached[position - 1] <= position:
            return layer
    raise SettingsError(
        f"{base.name} has {len(base.layers)} layers, too few to fine-tune the top "
        f"{trained_layers}; lower --fine-tune-layers, for instance to {_fewer(base)}"
    )


def _fewer(base: Any) -> str:
    """Return steps that fit a small base: a tenth, a fifth and a third of its layers."""
    return ",".join(str(max(1, len(base.layers) // part)) for part in (10, 5, 3))


def unfreeze_top(base: Any, layers: int) -> int:
    """Make the top layers of a base trainable and freeze the rest.

    Compile the model that trains afterwards: Keras decides at compile time what is trained.

    Returns:
        The number of layers that stay frozen.
    """
    base.trainable = True
    frozen = base.layers[:-layers]
    for layer in frozen:
        layer.trainable = False
    return len(frozen)
