"""The learning rate: up in a few steps, then down along a cosine to the end of the phase.

The end is whichever comes first, the last epoch or the time limit. A schedule that counted steps
alone would be cut off by a time limit while the rate is still high, and the last, small steps are
the ones that gain.
"""

from __future__ import annotations

import math
import time
from typing import Any

import keras

_WARM_UP_STEPS = 50
_FIRST_SHARE, _LAST_SHARE = 0.1, 0.01


class CosineToTheEnd(keras.callbacks.Callback):
    """Sets the optimiser's rate before each step."""

    def __init__(self, rate: float, steps: int, started: float, deadline: float | None) -> None:
        """Set up.

        Args:
            rate: The highest rate.
            steps: Steps of all epochs.
            started: ``time.monotonic()`` when the phase's first step could start.
            deadline: ``time.monotonic()`` when the phase ends at the latest, or None.
        """
        super().__init__()
        self._rate, self._steps = rate, steps
        self._started, self._deadline = started, deadline
        self._step = 0

    def go_on(self, steps: int) -> None:
        """Begin after some steps that were done before."""
        self._step = steps

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the rate for the coming step."""
        progress = self._step / self._steps
        if self._deadline is not None:
            elapsed = time.monotonic() - self._started
            progress = max(progress, elapsed / max(self._deadline - self._started, 1e-3))
        self.model.optimizer.learning_rate = self._rate * share_of(progress, self._step)
        self._step += 1


def share_of(progress: float, step: int) -> float:
    """Return the share of the highest rate.

    Args:
        progress: Of the phase, 0 to 1.
        step: Number of steps done.
    """
    warm = min(1.0, _FIRST_SHARE + (1 - _FIRST_SHARE) * step / _WARM_UP_STEPS)
    cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return warm * (_LAST_SHARE + (1 - _LAST_SHARE) * cosine)
