"""One phase of a detector's training: compile, fit under its limits, keep the weights."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.detector import pipeline
from export.detector.beginning import Beginning
from export.detector.feeding import Feed
from export.detector.planning import PhasePlan
from export.detector.schedule import CosineToTheEnd
from export.detector.suppression import Suppression
from export.detector.training_model import TrainingModel, TwoRates
from export.detector.validation import KeepWeights, Validator
from export.training.batch_norm import BatchNormGuard
from export.training.event_log import EventLog
from export.training.finite import FiniteGuard
from export.training.freezing import check_compiled
from export.training.memory import BatchHalving
from export.training.outcome import Phase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitter:
    """What all phases share.

    Attributes:
        beginning: What the training started from; its network trains.
        guard: Watches the backbone's BatchNorm statistics.
        memory: Halves what does not fit.
        log_dir: Where TensorBoard's files go, one folder a phase; None writes none.
    """

    beginning: Beginning
    guard: BatchNormGuard
    memory: BatchHalving
    log_dir: Path | None

    def fit(self, plan: PhasePlan, feed: Feed, started: float, first_epoch: int) -> Phase:
        """Train one phase; the network is left with the weights that the settings keep.

        Args:
            plan: What to do.
            feed: What to train on.
            started: ``time.monotonic()`` when the phase began, the computation of its features
                included.
            first_epoch: Number of its first epoch, counted from 1 through both phases.
        """
        backbone = self.beginning.detector.backbone
        deadline = started + plan.minutes * 60 if plan.minutes else None
        model = self._compiled(plan, feed.network)
        kept = self._keeping(feed, deadline)
        if plan.name == "top":
            kept.measure_start()
        steps = int(feed.batches.cardinality()) * plan.epochs
        pace = CosineToTheEnd(plan.learning_rate, steps, time.monotonic(), deadline)
        callbacks: list[Any] = [*feed.callbacks, FiniteGuard(), self.memory, pace, kept]
        if self.log_dir:
            callbacks.append(EventLog(self.log_dir / plan.name, backbone))
        check_compiled(model)
        # Standard output is for the result alone.
        with self.guard.phase(plan.name), contextlib.redirect_stdout(sys.stderr):
            figures = model.fit(
                feed.batches,
                epochs=plan.epochs,
                callbacks=callbacks,
                verbose=1 if sys.stderr.isatty() else 2,
            ).history
        phase = Phase(
            number=plan.number,
            name=plan.name,
            frozen_layers=sum(not layer.trainable for layer in backbone.layers),
            learning_rate=plan.learning_rate,
            batch_size=self.beginning.settings.batch_size,
            accuracy=kept.map50,
            kept_epoch=kept.epoch,
            seconds=time.monotonic() - started,
            history=tuple(
                {key: float(values[epoch]) for key, values in figures.items()}
                for epoch in range(len(figures["loss"]))
            ),
            first_epoch=first_epoch,
        )
        log.info(
            "phase %s: validation mAP@0.5 %.4f from epoch %d of %d, %.0f s",
            phase.name,
            phase.accuracy,
            phase.kept_epoch,
            len(phase.history),
            phase.seconds,
        )
        return phase

    def _compiled(self, plan: PhasePlan, network: Any) -> TrainingModel:
        detector, settings = self.beginning.detector, self.beginning.settings
        model = TrainingModel(network, detector.grid, settings.loss)
        rate, slow = plan.learning_rate, plan.backbone_learning_rate
        variables = [] if slow is None else detector.backbone.trainable_variables
        share = 1.0 if slow is None else slow / rate
        model.compile(optimizer=TwoRates(rate, variables, share, global_clipnorm=10.0))
        return model

    def _keeping(self, feed: Feed, deadline: float | None) -> KeepWeights:
        detector, settings, data = (
            self.beginning.detector,
            self.beginning.settings,
            self.beginning.data,
        )
        validator = Validator(
            feed.network,
            feed.held_out,
            pipeline.targets_of(data.validation, settings.image_size),
            detector.grid,
            len(data.class_names),
            Suppression(settings.max_detections, settings.score_threshold, settings.iou_threshold),
        )
        return KeepWeights(validator, settings.keep, settings.patience, deadline)
