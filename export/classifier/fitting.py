"""One stage of a training: compile, fit, keep the best weights, leave a checkpoint every epoch.

A stage is what trains with one set of layers and one learning rate: the head, or one unfreezing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from export.classifier.planning import best_epoch, losses
from export.classifier.split import Split
from export.training import checkpoints
from export.training.batches import Batches, ShuffledBatches
from export.training.distribution import Distribution
from export.training.epoch_bar import EpochBar
from export.training.freezing import check_compiled
from export.training.one_replica import of_one_replica
from export.training.set_aside import assign
from export.training.work import Work

Array = np.ndarray[Any, Any]
History = list[dict[str, float]]


@dataclass(frozen=True)
class Stage:
    """What is to be done.

    Attributes:
        name: Of its checkpoint.
        learning_rate: Adam's.
        epochs: At most.
        ends: Of the history after an epoch: whether the stage is at its end.
        first_epoch: Number of its first epoch, counted from 0 through both phases.
    """

    name: str
    learning_rate: float
    epochs: int
    ends: Callable[[Sequence[dict[str, float]]], bool]
    first_epoch: int = 0


@dataclass
class Fitted:
    """What a stage did.

    Attributes:
        history: Per epoch: loss, accuracy, val_loss, val_accuracy.
        seconds: Its duration, that before an interruption included.
        resumed_after: Epochs that an earlier process had done; 0 when none had.
    """

    history: History = field(default_factory=list)
    seconds: float = 0.0
    resumed_after: int = 0

    @property
    def best(self) -> int:
        """Position of the epoch with the lowest validation loss."""
        return best_epoch(losses(self.history))


@dataclass(frozen=True)
class Fitter:
    """What all stages of a run share.

    Attributes:
        work: Where checkpoints go.
        classes: Number of classes; two make a single logit.
        batch_size: Photographs a step.
        seed: Of the order of photographs.
        callbacks: Keras callbacks of the guards.
        distribution: Who trains: one device, or many.
        class_weights: What a photograph of each class counts in the training's loss; None: each
            the same. Validation is never weighted.
    """

    work: Work
    classes: int
    batch_size: int
    seed: int
    callbacks: tuple[Any, ...]
    distribution: Distribution
    class_weights: tuple[float, ...] | None = None

    def fit(self, model: Any, split: Split, stage: Stage) -> Fitted:
        """Train a model; it is left with the weights of its best epoch.

        Args:
            model: Inputs of ``split`` to logits. It is compiled here, after whatever was frozen or
                unfrozen.
            split: Its data.
            stage: What to do. What an earlier process did of it is not done again.

        Returns:
            What was done, by this and earlier processes together.
        """
        with self.distribution.scope():
            labels, loss, metric = _targets(split, self.classes)
            optimizer = keras.optimizers.Adam(stage.learning_rate)
            if self.distribution.kind == "none":
                optimizer = of_one_replica(optimizer)
            model.compile(optimizer, loss=loss, metrics=[metric])
            model(split.inputs[:1], training=False)  # builds what is not built yet
            optimizer.build(model.trainable_variables)
            progress = _Progress(model, self.work, stage)
        check_compiled(model)
        if not progress.ended:
            first = stage.first_epoch + len(progress.fitted.history)
            self.distribution.check_agreement("checkpoint", f"{stage.name}, epoch {first}")

            def read(photographs: Array) -> tuple[Array, Array]:
                return split.inputs[photographs], labels[photographs]

            def read_weighted(photographs: Array) -> tuple[Array, ...]:
                batch = read(photographs)
                if self.class_weights is None:
                    return batch
                weights = np.array(self.class_weights, np.float32)
                return (*batch, weights[split.labels[photographs]])

            batches = ShuffledBatches(read_weighted, split.training, self.batch_size, self.seed)
            held_out = Batches(read, split.validation, self.batch_size)
            how: dict[str, Any] = {
                "initial_epoch": first,
                "epochs": stage.first_epoch + stage.epochs,
                "callbacks": [
                    batches,
                    *self.callbacks,
                    progress,
                    EpochBar(stage.name, first, stage.first_epoch + stage.epochs),
                ],
                "verbose": 0,
            }
            if self.distribution.kind == "none":
                how["shuffle"] = False  # the batches are shuffled
                model.fit(batches.dataset(), validation_data=held_out.dataset(), **how)
            else:
                self.distribution.fit(model, batches, validation=held_out, **how)
        progress.finish()
        return progress.fitted


class _Progress(keras.callbacks.Callback):
    """Keeps the best weights, ends the stage in time and saves where it is."""

    def __init__(self, model: Any, work: Work, stage: Stage) -> None:
        super().__init__()
        self._work, self._stage = work, stage
        self._variables, self._optimizer = model.variables, model.optimizer.variables
        self.fitted = Fitted()
        self._best: list[Array] = []
        self._before_s = 0.0
        if checkpoint := checkpoints.load(work, stage.name):
            self.fitted.history = checkpoint.state["history"]
            self.fitted.resumed_after = len(self.fitted.history)
            self._before_s = self.fitted.seconds = checkpoint.state["seconds"]
            self._best = list(checkpoint.arrays("best"))
            assign(self._variables, checkpoint.arrays("now"))
            assign(self._optimizer, checkpoint.arrays("optimizer"))
        self._started = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        history = self.fitted.history
        return len(history) >= self._stage.epochs or (bool(history) and self._stage.ends(history))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Record the epoch and save."""
        self.fitted.history.append({name: float(value) for name, value in (logs or {}).items()})
        self.fitted.seconds = self._before_s + time.monotonic() - self._started
        now = _arrays(self._variables)
        if self.fitted.best == len(self.fitted.history) - 1:
            self._best = now
        checkpoints.save(
            self._work,
            self._stage.name,
            {"history": self.fitted.history, "seconds": self.fitted.seconds},
            {"now": now, "best": self._best, "optimizer": _arrays(self._optimizer)},
        )
        if self.ended:
            self.model.stop_training = True

    def finish(self) -> None:
        """Leave the model with its best weights."""
        assign(self._variables, self._best)


def _targets(split: Split, classes: int) -> tuple[Array, Any, Any]:
    """Return labels, loss and accuracy for logits."""
    if classes == 2:
        return (
            split.labels[:, None].astype(np.float32),
            keras.losses.BinaryCrossentropy(from_logits=True),
            keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),
        )
    return (
        split.labels,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    )


def _arrays(variables: Sequence[Any]) -> list[Array]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
