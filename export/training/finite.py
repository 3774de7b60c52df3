"""Numbers that are none: a loss that is NaN or infinite ends the training at once.

Nothing after it can be right. The weights are NaN with the next update, comparisons with NaN are
all false, so that rules which ask "is it worse?" hear no, and the epochs left cost their time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from export.errors import NotFiniteError

_NAMED = 5  # variables that a message names; the rest are counted

_USUAL_CAUSES = (
    "What usually does that: a learning rate that is too high (try a tenth of {rate}), values in "
    "the data that are no numbers, or a division by zero or the logarithm of zero in a layer or "
    "loss of one's own"
)


class FiniteGuard(keras.callbacks.Callback):
    """Ends a ``fit`` when a figure or a weight is not a number, or infinite.

    ::

        model.fit(…, callbacks=[FiniteGuard(), …])  # before whatever saves

    Weights are looked at before the first step and after every epoch, figures after every step and
    every epoch. With ``tf.distribute`` (:meth:`export.training.distribution.Distribution.fit`)
    steps have no figures, and those of the epoch are looked at.
    """

    def __init__(self) -> None:
        """Start without having seen anything."""
        super().__init__()
        self._epoch, self._last = 0, math.nan

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Refuse weights that are not finite before anything trains.

        Raises:
            NotFiniteError: With the variables' names.
        """
        if bad := not_finite(self.model.variables):
            raise NotFiniteError(
                f"{_list(bad)} of {self.model.name} are not finite before anything has trained: "
                "the file of weights that they come from is damaged, or it is another network's"
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the epoch."""
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at what the step came to.

        Raises:
            NotFiniteError: A figure is none.
        """
        self._check(logs or {}, f"epoch {self._epoch}, step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Look at the epoch's figures, validation among them, and at the weights.

        Raises:
            NotFiniteError: A figure or a weight is none.
        """
        self._check(logs or {}, f"epoch {self._epoch}")
        if bad := not_finite(self.model.variables):
            raise NotFiniteError(
                f"{_list(bad)} of {self.model.name} are no longer finite after epoch "
                f"{self._epoch}, though the loss still is. {self._causes()}"
            )
        self._last = float((logs or {}).get("loss", math.nan))

    def _check(self, logs: Mapping[str, Any], when: str) -> None:
        wrong = {name: value for name, value in logs.items() if not math.isfinite(float(value))}
        if not wrong:
            return
        figures = ", ".join(f"{name} {float(value)}" for name, value in wrong.items())
        before = (
            "" if math.isnan(self._last) else f" (after the epoch before: loss {self._last:.4f})"
        )
        raise NotFiniteError(
            f"the loss is not a number: {figures} in {when}{before}; nothing that follows can be "
            f"right, so the training ends here. {self._causes()}"
        )

    def _causes(self) -> str:
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        shown = "the present one" if rate is None else f"{float(np.asarray(rate)):g}"
        return _USUAL_CAUSES.format(rate=shown)


def not_finite(variables: Iterable[Any]) -> list[str]:
    """Return the paths of the variables that hold a NaN or an infinity."""
    found = []
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            found.append(str(variable.path))
    return found


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more variables"
