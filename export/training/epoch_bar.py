"""Epochs as they pass: one bar that grows on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import keras

log = logging.getLogger(__name__)


class EpochBar(keras.callbacks.Callback):
    """Shows which epoch of how many is done, and its figures."""

    def __init__(self, name: str, first: int, last: int) -> None:
        """Set up.

        Args:
            name: What trains, for instance ``head``.
            first: Number of epochs that are done already.
            last: Number of the last epoch at most.
        """
        super().__init__()
        self._name, self._first, self._last = name, first, last
        self._bar: Any = None

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Draw an empty bar where somebody can see it grow."""
        if sys.stderr.isatty():
            figures = ["loss", "accuracy", "val_loss", "val_accuracy"]
            self._bar = keras.utils.Progbar(
                self._last - self._first, stateful_metrics=figures, unit_name="epoch"
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show one epoch more."""
        figures = [(name, float(value)) for name, value in (logs or {}).items()]
        if self._bar is None:
            said = ", ".join(f"{name} {value:.4f}" for name, value in figures)
            log.info("%s: epoch %d of at most %d: %s", self._name, epoch + 1, self._last, said)
            return
        with contextlib.redirect_stdout(sys.stderr):  # standard output is the result's alone
            self._bar.update(epoch + 1 - self._first, figures)

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """End the line of a bar that stopped before its end."""
        if self._bar is not None:
            sys.stderr.write("\n")
