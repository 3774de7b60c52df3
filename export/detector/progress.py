"""What a phase of a detector's training goes on from, written after every epoch.

A process that is killed at any moment loses the epoch it was in. A phase that is over leaves the
weights it kept, so that nobody computes its features again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras

from export.detector.schedule import CosineToTheEnd
from export.detector.validation import KeepWeights
from export.detector.weight_average import WeightAverage
from export.training import checkpoints
from export.training.checkpoints import Checkpoint
from export.training.set_aside import assign
from export.training.work import Work


@dataclass(frozen=True)
class Done:
    """What earlier processes have done of a phase.

    Attributes:
        checkpoint: What they left; None: nothing.
    """

    checkpoint: Checkpoint | None

    @classmethod
    def of(cls, work: Work, phase: str) -> Done:
        """Read a phase's checkpoint.

        Raises:
            ResumeError: It is damaged.
        """
        return cls(checkpoints.load(work, phase))

    @property
    def history(self) -> list[dict[str, float]]:
        """Figures of each epoch that was done."""
        return list(self.checkpoint.state["history"]) if self.checkpoint else []

    @property
    def seconds(self) -> float:
        """How long that took."""
        return float(self.checkpoint.state["seconds"]) if self.checkpoint else 0.0

    def first_epoch(self, epochs: int) -> int:
        """Return the epoch to go on with, counted from 0.

        Args:
            epochs: Of the phase at most; none is left of one that was at its end.
        """
        ends = self.checkpoint and self.checkpoint.state["ends"]
        return epochs if ends else len(self.history)

    @property
    def is_over(self) -> bool:
        """Whether the phase is at its end, its weights chosen."""
        return bool(self.checkpoint and self.checkpoint.state["is_over"])


class Progress(keras.callbacks.Callback):
    """Leaves a checkpoint after every epoch, and one of the phase's end.

    Attributes:
        history: Figures of each epoch, those of earlier processes included.
    """

    def __init__(
        self,
        work: Work,
        phase: str,
        network: Any,
        kept: KeepWeights,
        average: WeightAverage,
        started: float,
    ) -> None:
        """Set up.

        Args:
            work: The run's working directory.
            phase: The phase's name.
            network: What trains.
            kept: Which weights are kept.
            average: Of the network's weights.
            started: ``time.monotonic()`` when this process began with the phase.
        """
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._work, self._phase, self._network, self._kept = work, phase, network, kept
        self._average, self._started = average, started

    def go_on(self, done: Done, optimizer: Any, pace: CosineToTheEnd, steps: int) -> None:
        """Put everything back as it was after the last epoch that was done.

        Args:
            done: What there is of the phase.
            optimizer: Built.
            pace: The learning rate's.
            steps: Of an epoch.
        """
        self._started -= done.seconds
        if done.checkpoint is None:
            return
        self.history = done.history
        arrays, state = done.checkpoint.arrays, done.checkpoint.state
        assign(self._network.weights, arrays("now"))
        assign(optimizer.variables, arrays("optimizer"))
        self._average.go_on(arrays("average"))
        self._kept.go_on(state["map50"], state["epoch"], arrays("best"))
        pace.go_on(steps * len(self.history))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Record the epoch and save."""
        self.history.append({name: float(value) for name, value in (logs or {}).items()})
        optimizer, average = self.model.optimizer.variables, self._average.state()
        self._save(self._kept.weights, optimizer, average, ends=self.model.stop_training)

    def end(self) -> None:
        """Save the weights that the phase leaves, which the network has by now."""
        self._save([], [], [], ends=True, is_over=True)

    def _save(
        self,
        best: Iterable[Any],
        optimizer: Iterable[Any],
        average: Iterable[Any],
        *,
        ends: bool,
        is_over: bool = False,
    ) -> None:
        state = {
            "history": self.history,
            "seconds": time.monotonic() - self._started,
            "ends": bool(ends),
            "is_over": is_over,
            "map50": self._kept.map50,
            "epoch": self._kept.epoch,
        }
        arrays = {
            "now": self._network.weights,
            "best": best,
            "optimizer": optimizer,
            "average": average,
        }
        checkpoints.save(self._work, self._phase, state, arrays)
