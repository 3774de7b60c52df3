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
from export.detector.progress import Done, Progress
from export.detector.schedule import CosineToTheEnd
from export.detector.suppression import Suppression
from export.detector.training_model import TrainingModel, TwoRates
from export.detector.validation import KeepWeights, Validator
from export.detector.weight_average import WeightAverage
from export.training.batch_norm import BatchNormGuard
from export.training.event_log import EventLog
from export.training.finite import FiniteGuard
from export.training.freezing import check_compiled
from export.training.memory import BatchHalving
from export.training.one_replica import of_one_replica
from export.training.outcome import Phase
from export.training.work import Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitter:
    """What all phases share.

    Attributes:
        beginning: What the training started from; its network trains.
        guard: Watches the backbone's BatchNorm statistics.
        memory: Halves what does not fit.
        log_dir: Where TensorBoard's files go, one folder a phase; None writes none.
        work: Where checkpoints go.
    """

    beginning: Beginning
    guard: BatchNormGuard
    memory: BatchHalving
    log_dir: Path | None
    work: Work

    def fit(self, plan: PhasePlan, feed: Feed, started: float, first_epoch: int) -> Phase:
        """Train one phase; the network is left with the weights that the settings keep.

        Args:
            plan: What to do.
            feed: What to train on.
            started: ``time.monotonic()`` when this process began with the phase, the computation of
                its features included.
            first_epoch: Number of its first epoch, counted from 1 through both phases.
        """
        done = Done.of(self.work, plan.name)
        deadline = started - done.seconds + plan.minutes * 60 if plan.minutes else None
        trains = self.trains(plan)
        average = WeightAverage(trains, self.beginning.settings.ema)
        model = self._compiled(plan, feed.network, average)
        kept = self._keeping(feed, trains, average, deadline)
        progress = Progress(self.work, plan.name, trains, kept, average, started)
        steps, begun = int(feed.batches.cardinality()), time.monotonic() - done.seconds
        pace = CosineToTheEnd(plan.learning_rate, steps * plan.epochs, begun, deadline)
        progress.go_on(done, model.optimizer, pace, steps)
        if done.history:
            log.info("phase %s: going on after epoch %d", plan.name, len(done.history))
        elif plan.name == "top":
            kept.measure_start()
        callbacks: list[Any] = [*feed.callbacks, FiniteGuard(), self.memory, pace, kept]
        if self.log_dir:
            callbacks.append(EventLog(self.log_dir / plan.name, self.beginning.detector.backbone))
        check_compiled(model)
        # Standard output is for the result alone.
        with self.guard.phase(plan.name), contextlib.redirect_stdout(sys.stderr):
            model.fit(
                feed.batches,
                initial_epoch=done.first_epoch(plan.epochs),
                epochs=plan.epochs,
                callbacks=[*callbacks, progress],
                verbose=1 if sys.stderr.isatty() else 2,
            )
        progress.end()
        phase = self.phase(plan, Done.of(self.work, plan.name), len(done.history), first_epoch)
        log.info(
            "phase %s: validation mAP@0.5 %.4f from epoch %d of %d, %.0f s",
            phase.name,
            phase.accuracy,
            phase.kept_epoch,
            len(phase.history),
            phase.seconds,
        )
        return phase

    def trains(self, plan: PhasePlan) -> Any:
        """Return the part of the network whose weights a phase changes."""
        detector = self.beginning.detector
        return detector.head if plan.name == "head" else detector.model

    def phase(self, plan: PhasePlan, done: Done, resumed_after: int, first_epoch: int) -> Phase:
        """Describe a phase that is over.

        Args:
            plan: What was to be done.
            done: What was done.
            resumed_after: Epochs of it that an earlier process had done, or all of them.
            first_epoch: Number of its first epoch, counted from 1 through both phases.
        """
        assert done.checkpoint  # noqa: S101  # for the type checker
        layers = self.beginning.detector.backbone.layers
        return Phase(
            number=plan.number,
            name=plan.name,
            frozen_layers=sum(not layer.trainable for layer in layers),
            learning_rate=plan.learning_rate,
            batch_size=self.beginning.settings.batch_size,
            accuracy=done.checkpoint.state["map50"],
            kept_epoch=done.checkpoint.state["epoch"],
            seconds=done.seconds,
            history=tuple(done.history),
            first_epoch=first_epoch,
            resumed_after=first_epoch - 1 + resumed_after if resumed_after else 0,
        )

    def _compiled(self, plan: PhasePlan, network: Any, average: WeightAverage) -> TrainingModel:
        detector, settings = self.beginning.detector, self.beginning.settings
        model = TrainingModel(network, detector.grid, settings.loss, average)
        rate, slow = plan.learning_rate, plan.backbone_learning_rate
        variables = [] if slow is None else detector.backbone.trainable_variables
        share = 1.0 if slow is None else slow / rate
        optimizer = TwoRates(rate, variables, share, global_clipnorm=10.0)
        model.compile(optimizer=of_one_replica(optimizer))
        model.optimizer.build(model.trainable_variables)  # now: an earlier process's state goes in
        return model

    def _keeping(
        self, feed: Feed, trains: Any, average: WeightAverage, deadline: float | None
    ) -> KeepWeights:
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
        return KeepWeights(
            validator,
            trains,
            average,
            settings.keep,
            settings.patience,
            deadline,
            self.work.directory,
        )
