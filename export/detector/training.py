"""Training in two phases: neck and head on a frozen backbone, then the backbone's top with them.

While the head is new, its errors are large, and gradients of that size would destroy what the
backbone knows. So the backbone's top trains only afterwards, at a hundredth of the rate. In phase 1
the backbone is a fixed function of an image: its features are computed once, of each image and of
its mirror images, and each epoch pays for the head alone.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.detector import anchors, feature_cache, pipeline
from export.detector import model as models
from export.detector.annotations import DetectionData
from export.detector.backbones import BACKBONES
from export.detector.head import ANCHORS_PER_SCALE
from export.detector.loss import detection_loss
from export.detector.model import Detector
from export.detector.predictions import Grid
from export.detector.pretrained import build_and_fill
from export.detector.schedule import CosineToTheEnd
from export.detector.settings import DetectorSettings, LossSettings
from export.detector.suppression import Suppression
from export.detector.validation import KeepWeights, Validator
from export.training.batch_norm import BatchNormGuard
from export.training.batches import Batches, ShuffledBatches
from export.training.event_log import EventLog
from export.training.freezing import check_compiled, check_frozen
from export.training.input_range import check_batch, check_preprocessing
from export.training.memory import BatchHalving
from export.weights import WeightsRecord

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Phase:
    """What one phase did.

    Attributes:
        name: ``head``, ``top`` or ``whole``.
        map50: Validation mAP@0.5 of the weights it kept.
        kept_epoch: The epoch they are from, the best or the last as the settings say; 0 when no
            epoch improved on the start.
        epochs: Number of epochs that ran.
        seconds: What it took, feature computation included.
        history: Per epoch: loss, its terms, val_map50.
    """

    name: str
    map50: float
    kept_epoch: int
    epochs: int
    seconds: float
    history: tuple[dict[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the phase without its history."""
        return {
            "name": self.name,
            "map50": round(self.map50, 4),
            "kept_epoch": self.kept_epoch,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class Trained:
    """A trained detector and how it came to be.

    Attributes:
        detector: The network with the weights that the settings keep.
        weights: What it started from.
        anchor_iou: Mean IoU of the training boxes with their best anchor.
        phases: In order.
        backbone_change: Largest absolute change of a backbone weight, 0 when it stayed frozen.
        batch_norm: What the BatchNorm guard of the backbone saw, as ``run.json`` holds it.
        notes: What a reader of the figures should know.
    """

    detector: Detector
    weights: WeightsRecord
    anchor_iou: float
    phases: tuple[Phase, ...]
    backbone_change: float
    batch_norm: dict[str, Any]
    notes: tuple[str, ...]


class TrainingModel(keras.Model):
    """A network with the detection loss; each term is a metric of its own."""

    def __init__(self, network: Any, grid: Grid, loss: LossSettings) -> None:
        """Wrap ``network``, sharing its layers.

        Args:
            network: Inputs to raw predictions.
            grid: Geometry of the predictions.
            loss: Weights and thresholds.
        """
        super().__init__()
        self.network = network
        self._grid, self._loss_settings = grid, loss
        self._terms = {
            name: keras.metrics.Mean(name=f"{name}_loss") for name in ("box", "objectness", "class")
        }

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the raw predictions."""
        return self.network(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002  # Keras's signature
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002
        training: bool = True,  # noqa: ARG002
    ) -> Any:
        """Return the sum of the terms."""
        terms = detection_loss(y_pred, y["boxes"], y["classes"], self._grid, self._loss_settings)
        for name, value in terms.items():
            self._terms[name].update_state(value)
        return tf.add_n(list(terms.values()))


class TwoRates(keras.optimizers.Adam):
    """Adam with a smaller rate for some variables.

    A gradient that is merely scaled would not do: Adam divides by the gradient's own size.
    """

    def __init__(self, learning_rate: Any, slow: Any, share: float, **options: Any) -> None:
        """Set up.

        Args:
            learning_rate: Rate or schedule.
            slow: Variables that train at ``share`` of it.
            share: Between 0 and 1.
            options: Adam's.
        """
        super().__init__(learning_rate, **options)
        self._slow = {id(variable) for variable in slow}
        self._share = share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable at its rate."""
        if id(variable) in self._slow:
            learning_rate = learning_rate * self._share
        super().update_step(gradient, variable, learning_rate)


@dataclass(frozen=True)
class Beginning:
    """What a training starts from.

    Attributes:
        settings: The run's settings.
        data: The data set.
        detector: The network, its backbone frozen.
        weights: What the backbone was filled with.
        anchor_iou: Mean IoU of the training boxes with their best anchor.
    """

    settings: DetectorSettings
    data: DetectionData
    detector: Detector
    weights: WeightsRecord
    anchor_iou: float


def begin(settings: DetectorSettings, data: DetectionData) -> Beginning:
    """Build the network, fill it, and hold the data and the preprocessing to it.

    Args:
        settings: The run's settings.
        data: The data set.

    Raises:
        ExportError: The weights cannot be had or do not fit, or the input would be wrong.
    """
    keras.utils.set_random_seed(settings.seed)
    row = BACKBONES[settings.backbone]
    check_preprocessing(row.preprocess, row.input_range)
    first = next(iter(pipeline.pixels(data.training[:4], settings.image_size, 4)))
    # A guess about how bright images are proves nothing against code that has been checked.
    check_batch(row.preprocess(first), row.input_range, row.name, refuse_guesses=False)
    grid, anchor_iou = _fit_grid(settings, data, row.strides)
    backbone, head, weights = build_and_fill(
        row, settings.image_size, len(data.class_names), settings.weights
    )
    detector = models.assemble(row, backbone, head, grid, data.class_names)
    return Beginning(settings, data, detector, weights, anchor_iou)


def train(beginning: Beginning, log_dir: Path | None = None) -> Trained:
    """Train a detector.

    Args:
        beginning: What the training starts from; its network is what is trained.
        log_dir: Where TensorBoard's files go, one folder a phase; None writes none.

    Returns:
        The detector with the weights that the settings keep.

    Raises:
        ExportError: A guard stopped it.
    """
    settings, data, detector = beginning.settings, beginning.data, beginning.detector
    backbone, weights = detector.backbone, beginning.weights
    before = backbone.get_weights()
    guard = BatchNormGuard(backbone, learns=weights.source == "none")
    run = _Run(settings, data, detector, guard, BatchHalving(), log_dir)
    if weights.source == "none":
        # There is nothing to keep frozen: the whole network trains from the start.
        models.unfreeze_all(detector)
        phases = [run.on_images("whole", detector.model, settings.epochs, settings.minutes)]
    else:
        check_frozen(backbone)
        phases = [run.head()]
        if settings.fine_tune_epochs:
            models.unfreeze_top(detector)
            phases.append(
                run.on_images(
                    "top", detector.model, settings.fine_tune_epochs, settings.fine_tune_minutes
                )
            )
    changes = [
        float(np.abs(new - old).max())
        for new, old in zip(backbone.get_weights(), before, strict=True)
    ]
    return Trained(
        detector,
        weights,
        beginning.anchor_iou,
        tuple(phases),
        max(changes),
        guard.to_json(),
        tuple(run.memory.notes),
    )


def _fit_grid(
    settings: DetectorSettings, data: DetectionData, strides: tuple[int, ...]
) -> tuple[Grid, float]:
    targets = pipeline.targets_of(data.training, settings.image_size)
    boxes = targets.boxes[targets.classes >= 0]
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    shapes, overlap = anchors.fit(sizes, ANCHORS_PER_SCALE * len(strides), settings.seed)
    log.info(
        "anchors (width, height): %s; mean IoU with the training boxes %.3f",
        " ".join(f"{w:.0f},{h:.0f}" for w, h in shapes),
        overlap,
    )
    return Grid.from_sorted(settings.image_size, strides, shapes.round(2).tolist()), overlap


@dataclass(frozen=True)
class _Run:
    settings: DetectorSettings
    data: DetectionData
    detector: Detector
    guard: BatchNormGuard
    memory: BatchHalving
    log_dir: Path | None

    def head(self) -> Phase:
        """Phase 1 on cached features, or on images when they are not cached."""
        settings, data = self.settings, self.data
        rows = len(data.training) * settings.views + len(data.validation)
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            directory = None
            if settings.views:
                scratch = feature_cache.scratch_for(self.detector.features, rows)
                directory = stack.enter_context(scratch)
            if directory is None:
                return self.on_images(
                    "head", self.detector.model, settings.epochs, settings.minutes
                )
            log.info(
                "phase head: computing the frozen backbone's features once, of %d views each of "
                "%d images",
                settings.views,
                len(data.training),
            )
            training, validation = (
                feature_cache.compute(
                    self.detector.features,
                    samples,
                    image_size=settings.image_size,
                    views=views,
                    changes=settings.changes,
                    seed=settings.seed,
                    directory=directory / name,
                )
                for name, samples, views in (
                    ("training", data.training, settings.views),
                    ("validation", data.validation, 1),
                )
            )
            log.info("features computed in %.0f s", time.monotonic() - started)
            batches = ShuffledBatches(
                training.batch, np.arange(len(training)), settings.batch_size, settings.seed
            )
            return self._fit(
                "head",
                self.detector.head,
                batches.dataset(),
                Batches(validation.inputs, np.arange(len(validation)), settings.batch_size),
                settings.epochs,
                settings.minutes,
                started,
                batches,
            )

    def on_images(self, name: str, network: Any, epochs: int, minutes: float) -> Phase:
        """Train from pixels, augmented if the settings say so."""
        settings = self.settings
        batches = pipeline.training_batches(
            self.data.training,
            settings.image_size,
            settings.batch_size,
            settings.seed,
            changes=settings.changes if settings.augment else None,
        )
        held_out = pipeline.pixels(self.data.validation, settings.image_size, settings.batch_size)
        return self._fit(name, network, batches, held_out, epochs, minutes, time.monotonic())

    def _fit(
        self,
        name: str,
        network: Any,
        batches: tf.data.Dataset,
        held_out: Iterable[Any],
        epochs: int,
        minutes: float,
        started: float,
        *more_callbacks: Any,
    ) -> Phase:
        settings = self.settings
        rate = settings.fine_tune_learning_rate if name == "top" else settings.learning_rate
        model = TrainingModel(network, self.detector.grid, settings.loss)
        slow = self.detector.backbone.trainable_variables if name == "top" else []
        model.compile(
            optimizer=TwoRates(
                rate, slow, settings.backbone_learning_rate / rate, global_clipnorm=10.0
            ),
        )
        targets = pipeline.targets_of(self.data.validation, settings.image_size)
        suppression = Suppression(
            settings.max_detections, settings.score_threshold, settings.iou_threshold
        )
        validator = Validator(
            network, held_out, targets, self.detector.grid, len(self.data.class_names), suppression
        )
        deadline = started + minutes * 60 if minutes else None
        kept = KeepWeights(validator, settings.keep, settings.patience, deadline)
        if name == "top":
            kept.measure_start()
        steps = int(batches.cardinality()) * epochs
        pace = CosineToTheEnd(rate, steps, time.monotonic(), deadline)
        callbacks: list[Any] = [*more_callbacks, self.memory, pace, kept]
        if self.log_dir:
            callbacks.append(EventLog(self.log_dir / name, self.detector.backbone))
        check_compiled(model)
        # Standard output is for the result alone.
        with self.guard.phase(name), contextlib.redirect_stdout(sys.stderr):
            history = model.fit(
                batches,
                epochs=epochs,
                callbacks=callbacks,
                verbose=1 if sys.stderr.isatty() else 2,
            ).history
        rows = tuple(
            {key: float(values[epoch]) for key, values in history.items()}
            for epoch in range(len(history["loss"]))
        )
        seconds = time.monotonic() - started
        log.info(
            "phase %s: validation mAP@0.5 %.4f from epoch %d of %d, %.0f s",
            name,
            kept.map50,
            kept.epoch,
            len(rows),
            seconds,
        )
        return Phase(name, kept.map50, kept.epoch, len(rows), seconds, rows)
