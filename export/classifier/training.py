"""Training in two phases: first the head on a frozen base, then the top of the base with it.

While the head is random, its errors are large, and gradients of that size would destroy what the
base knows; so the base is trained only when the head is, a hundred times slower, and only if that
helped (by validation) is it kept.

The frozen part is a fixed function of a photograph. Without augmentation its features are computed
once, while the photographs are read, and both phases train on them: the same arithmetic, minutes
less.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import keras
import numpy as np

from export.classifier import model as models
from export.classifier.backbones import BACKBONES
from export.classifier.model import Assembly, Classifier
from export.classifier.photographs import Photographs
from export.classifier.pretrained import load_pretrained
from export.classifier.settings import ClassifierSettings
from export.errors import SettingsError
from export.weights import WeightsRecord

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Phase:
    """What one phase did.

    Attributes:
        number: 1 or 2.
        name: ``head``, ``top``, or ``all`` (every layer from the start).
        frozen_layers: Layers of the base that did not train.
        learning_rate: Adam's.
        batch_size: Photographs a training step.
        first_epoch: Number of its first epoch, counted from 1 through both phases.
        accuracy: On the validation split, of the phase's best weights, 0 to 1.
        loss: Cross-entropy on the validation split, of the same weights.
        seconds: Its duration.
        history: Per epoch: loss, accuracy, val_loss, val_accuracy.
        steps: Of phase 2, each unfreezing: unfrozen_layers, first_epoch, learning_rate.
    """

    number: int
    name: str
    frozen_layers: int
    learning_rate: float
    batch_size: int
    first_epoch: int = 1
    accuracy: float = math.nan
    loss: float = math.nan
    seconds: float = 0.0
    history: tuple[dict[str, float], ...] = ()
    steps: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the phase as ``run.json`` holds it."""
        return asdict(self)


@dataclass(frozen=True)
class FineTuning:
    """What became of phase 2.

    Attributes:
        decision: ``started``, ``refused`` (the head was not ready), ``forced`` (nor was it here,
            and the user insisted) or ``not asked``.
        missing: What the head lacked, with its figures.
        rolled_back: Whether validation accuracy fell below the frozen best beyond its confidence
            interval, so that the frozen weights were restored.
        reason: Why phase 2's weights were not kept, or why there was none; else empty.
    """

    decision: str
    missing: tuple[str, ...] = ()
    rolled_back: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``run.json`` holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Trained:
    """A trained classifier and how it came to be.

    Attributes:
        classifier: The network, with the best weights of the phase that was kept.
        photographs: The data set.
        validation: Positions of the held-out photographs.
        weights: What the base started from.
        phases: In order.
        kept_phase: Number of the phase whose weights were kept.
        fine_tuning: What became of phase 2.
        batch_norm: What the BatchNorm guard saw, as ``run.json`` holds it.
        notes: What a reader of the figures should know.
    """

    classifier: Classifier
    photographs: Photographs
    validation: Array
    weights: WeightsRecord
    phases: tuple[Phase, ...]
    kept_phase: int
    fine_tuning: FineTuning
    batch_norm: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the weights that were kept."""
        return self.phases[self.kept_phase - 1].accuracy


class Batches(keras.utils.PyDataset):
    """Arrays as shuffled batches; the order depends on the seed and the epoch alone."""

    def __init__(self, inputs: Array, labels: Array, batch_size: int, seed: int) -> None:
        """Keep the arrays, without copying them."""
        super().__init__()
        self._inputs, self._labels, self._batch_size = inputs, labels, batch_size
        self._random = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._inputs[chosen], self._labels[chosen]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self._order = self._random.permutation(len(self._labels))


def train(settings: ClassifierSettings, photographs: Photographs) -> Trained:
    """Train a classifier.

    Args:
        settings: The run's settings.
        photographs: The data set, found but not read.

    Returns:
        The classifier with its best weights.

    Raises:
        ExportError: A setting, the weights or the data set cannot work; before any training.
    """
    row = BACKBONES[settings.backbone]
    if settings.image_size < row.minimum_size:
        raise SettingsError(
            f"--image-size must be at least {row.minimum_size} for {row.name}, "
            f"received {settings.image_size}"
        )
    keras.utils.set_random_seed(settings.seed)
    base = row.build(settings.image_size)
    weights = load_pretrained(base, row, settings.image_size, settings.weights)
    classifier = models.build(row, base, settings, len(photographs.class_names))

    caches = settings.caches_features
    augmentation = _augmentation() if settings.augment else None
    inputs = _read(photographs, settings, classifier.lower if caches else None)
    labels = np.array(photographs.labels, np.int32)
    training, validation = photographs.split(settings.validation_fraction, settings.seed)
    split = _Split(inputs, labels, training, validation)

    if weights.source == "none":
        base.trainable = True
        log.info("one phase from scratch: all %d layers train", len(base.layers))
        model = Assembly(classifier.features, classifier.head, augmentation, pretrained=False)
        only = _fit(
            model,
            split,
            settings,
            Phase(1, "all", 0, settings.learning_rate, settings.batch_size),
            classifier.classes,
        )
        return Trained(
            classifier, photographs, validation, weights, (only,), 1, FineTuning("not asked")
        )

    log.info("phase 1: the head; all %d layers of %s frozen", len(base.layers), base.name)
    first = _fit(
        classifier.head if caches else Assembly(classifier.features, classifier.head, augmentation),
        split.map(classifier.upper) if caches else split,
        settings,
        Phase(1, "head", len(base.layers), settings.learning_rate, settings.batch_size),
        classifier.classes,
    )
    if not settings.fine_tune_epochs:
        return Trained(
            classifier, photographs, validation, weights, (first,), 1, FineTuning("not asked")
        )

    frozen_weights = classifier.model.get_weights()
    frozen_layers = models.unfreeze_top(base, settings.policy.unfreezing[0])
    log.info("phase 2: the head and the top %d layers", settings.policy.unfreezing[0])
    second = _fit(
        Assembly(
            classifier.upper if caches else classifier.features, classifier.head, augmentation
        ),
        split,
        settings,
        Phase(
            2,
            "top",
            frozen_layers,
            settings.policy.learning_rate,
            settings.batch_size,
            len(first.history) + 1,
            steps=(
                {
                    "unfrozen_layers": settings.policy.unfreezing[0],
                    "first_epoch": len(first.history) + 1,
                    "learning_rate": settings.policy.learning_rate,
                },
            ),
        ),
        classifier.classes,
    )
    helped = second.accuracy >= first.accuracy and second.loss <= first.loss
    if not helped:
        log.warning("fine-tuning did not help; keeping the weights of phase 1")
        classifier.model.set_weights(frozen_weights)
    phases = (first, second)
    return Trained(
        classifier,
        photographs,
        validation,
        weights,
        phases,
        2 if helped else 1,
        FineTuning("started", reason="" if helped else "fine-tuning did not help"),
    )


@dataclass(frozen=True)
class _Split:
    inputs: Array
    labels: Array
    training: Array
    validation: Array

    def map(self, function: Any) -> _Split:
        outputs = function.predict(self.inputs, batch_size=32, verbose=0)
        return _Split(outputs, self.labels, self.training, self.validation)


def _read(photographs: Photographs, settings: ClassifierSettings, lower: Any) -> Array:
    """Read every photograph once: pixels, or with ``lower`` its features of them."""
    log.info("reading %d files", len(photographs.files))
    progress = keras.utils.Progbar(len(photographs.files), unit_name="file")
    batches = []
    for pixels in photographs.read(settings.image_size, settings.batch_size):
        batches.append(pixels if lower is None else lower.predict_on_batch(pixels))
        if sys.stderr.isatty():
            with contextlib.redirect_stdout(sys.stderr):
                progress.update(len(photographs.paths) + len(photographs.skipped))
    return np.concatenate(batches)


def _augmentation() -> Any:
    """Return the random changes of training photographs; never part of what is exported."""
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomBrightness(0.1, value_range=(0, 255)),
            keras.layers.RandomContrast(0.1, value_range=(0, 255)),
            keras.layers.RandomZoom(0.1),
        ],
        name="augmentation",
    )


def _fit(
    model: Any, split: _Split, settings: ClassifierSettings, phase: Phase, classes: int
) -> Phase:
    """Compile and fit one phase; the model is left with its best weights."""
    if classes == 2:
        labels = split.labels[:, None].astype(np.float32)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        metric = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    else:
        labels = split.labels
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(keras.optimizers.Adam(phase.learning_rate), loss=loss, metrics=[metric])
    held_out = split.inputs[split.validation], labels[split.validation]
    batches = Batches(
        split.inputs[split.training],
        labels[split.training],
        settings.batch_size,
        settings.seed + phase.number,
    )
    best = keras.callbacks.EarlyStopping(
        patience=settings.policy.patience, restore_best_weights=True
    )
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result alone
        history = model.fit(
            batches,
            validation_data=held_out,
            epochs=settings.epochs if phase.number == 1 else settings.fine_tune_epochs,
            callbacks=[best],
            verbose=1 if sys.stderr.isatty() else 2,
        ).history
    final_loss, accuracy = model.evaluate(*held_out, batch_size=settings.batch_size, verbose=0)
    log.info("phase %d: accuracy %.4f, loss %.4f on validation", phase.number, accuracy, final_loss)
    epochs = tuple(
        {name: float(values[epoch]) for name, values in history.items()}
        for epoch in range(len(history["loss"]))
    )
    return replace(phase, accuracy=float(accuracy), loss=float(final_loss), history=epochs)
