"""Validation while training: mean average precision, the best weights, early stop, time limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.detector.average_precision import ImageBoxes, mean_average_precision
from export.detector.loss import IGNORED
from export.detector.pipeline import Targets
from export.detector.predictions import Grid, candidates
from export.detector.suppression import Suppression, suppress
from export.detector.weight_average import WeightAverage
from export.training.set_aside import SetAside, assign

log = logging.getLogger(__name__)

_METRIC = "val_map50"


class Validator:
    """Measures mAP@0.5 on a fixed validation set, in the network's square."""

    def __init__(
        self,
        network: Any,
        inputs: Iterable[Any],
        targets: Targets,
        grid: Grid,
        num_classes: int,
        suppression: Suppression,
    ) -> None:
        """Keep network and truth.

        Args:
            network: Inputs to raw predictions.
            inputs: Input batches in the truth's order; iterated once a measurement.
            targets: True boxes, one row an image.
            grid: Geometry of the predictions.
            num_classes: Number of classes.
            suppression: The thresholds that the exported graph will use.
        """
        self.network = network
        self._inputs = inputs
        self._grid, self._num_classes, self._suppression = grid, num_classes, suppression
        self._truth = []
        for boxes, classes in zip(targets.boxes, targets.classes, strict=True):
            present = (classes != -1) & ((boxes[:, 2:] - boxes[:, :2]).min(axis=-1) > 0)
            # Corner order as the suppression answers it: y before x.
            kinds, ignored = classes[present], classes[present] <= IGNORED
            self._truth.append(
                ImageBoxes(
                    boxes[present][:, [1, 0, 3, 2]],
                    np.where(ignored, IGNORED - kinds, kinds),
                    ignored=ignored,
                )
            )
        self._detect = tf.function(self._detections, reduce_retracing=True)

    def _detections(self, batch: Any) -> Any:
        raws = self.network(batch, training=False)
        return suppress(*candidates(raws, self._grid), self._suppression)

    def measure(self) -> tuple[float, tuple[float, ...]]:
        """Return mAP@0.5 and each class's average precision with the network's present weights."""
        found = []
        for batch in self._inputs:
            boxes, scores, classes, counts = (t.numpy() for t in self._detect(batch))
            found += [
                ImageBoxes(boxes[i, :n], classes[i, :n], scores[i, :n])
                for i, n in enumerate(counts)
            ]
        return mean_average_precision(self._truth, found, self._num_classes)


class KeepWeights(keras.callbacks.Callback):
    """Measures mAP, keeps the best or the last weights, stops early or when time is up.

    Attributes:
        map50: Validation mAP@0.5 of the weights that are kept.
        epoch: The epoch they are from, 1-based; 0 stands for the weights at the start.
        weights: They, on disk; empty while there are none, and with ``final``.
    """

    def __init__(
        self,
        validator: Validator,
        trains: Any,
        average: WeightAverage,
        keep: str,
        patience: int,
        deadline: float | None,
        scratch: Path,
    ) -> None:
        """Set up.

        Args:
            validator: Measures the network that trains.
            trains: The part of it whose weights change, a Keras model.
            average: Of its weights; what is measured and kept.
            keep: ``best``: measure after each epoch, keep the best. ``final``: measure once, after
                the last.
            patience: With ``best``, epochs without improvement before training stops.
            deadline: ``time.monotonic()`` after which no further epoch starts, or None. An epoch
                that would probably not end in time does not start either.
            scratch: A folder on the disk that holds the kept weights meanwhile.
        """
        super().__init__()
        self.map50, self.epoch = -1.0, 0
        self._validator, self._trains, self._average = validator, trains, average
        self._best, self._patience, self._deadline = keep == "best", patience, deadline
        self.weights = SetAside(scratch)
        self._started = 0.0

    def measure_start(self) -> None:
        """Count the weights at the start as a candidate: a phase can then not make things worse."""
        if self._best:
            self.map50, _ = self._validator.measure()
            self.weights.keep(self._trains.weights)
            log.info("starting from validation mAP@0.5 %.4f", self.map50)

    def go_on(self, map50: float, epoch: int, weights: Iterable[Any]) -> None:
        """Put back what was kept when an earlier process was interrupted."""
        self.map50, self.epoch = map50, epoch
        self.weights.keep(weights)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the time."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure; keep or count; look at the clock."""
        if self._best:
            self._choose(epoch + 1, logs)
        else:
            self.epoch = epoch + 1
        now = time.monotonic()
        if self._deadline is not None and now + (now - self._started) > self._deadline:
            log.info("the time limit ends the phase after %d epochs", epoch + 1)
            self.model.stop_training = True

    def _choose(self, epoch: int, logs: Any) -> None:
        with self._average.in_place():
            value, each = self._validator.measure()
            if value > self.map50:
                self.weights.keep(self._trains.weights)
        if logs is not None:
            logs[_METRIC] = value
        log.info("epoch %d: validation mAP@0.5 %.4f (%s)", epoch, value, _by_class(each))
        if value > self.map50:
            self.map50, self.epoch = value, epoch
        elif epoch - self.epoch >= self._patience:
            log.info("no better mAP for %d epochs: stopping", self._patience)
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Put the best weights back, or measure the last."""
        if not self._best:
            self._average.settle()
            self.map50, each = self._validator.measure()
            log.info("final validation mAP@0.5 %.4f (%s)", self.map50, _by_class(each))
        elif self.weights:
            assign(self._trains.weights, self.weights)
        if not np.isfinite(self.map50):
            log.warning("the validation mAP was never a number")


def _by_class(average_precisions: Iterable[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in average_precisions)
