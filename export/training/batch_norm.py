"""What a phase did to the statistics of batch normalisation, and an alarm when it did too much.

A pretrained base runs in inference mode: its moving means and variances describe the images that it
was trained on, and a few hundred photographs must not overwrite them. One call with
``training=True``, or one ``fit`` of a model whose BatchNormalization layers were unfrozen, does,
without an error and mostly without a trace in the training curves: those are computed with the
batch's own statistics. So the statistics are compared before and after each phase.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from export.errors import BatchNormShiftError
from export.training.policy import LARGEST_SHIFT

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_NAMED = 8  # layers an alarm names; the rest are counted


@dataclass(frozen=True)
class Statistics:
    """Moving statistics of one BatchNormalization layer.

    Attributes:
        mean: float32 [channels].
        variance: float32 [channels], not negative.
        epsilon: What the layer adds to the variance.
    """

    mean: Array
    variance: Array
    epsilon: float


def layers_of(model: Any) -> dict[str, Any]:
    """Return every BatchNormalization layer of a model, those of nested models and layers too.

    Args:
        model: A built ``keras.Model`` or layer.

    Returns:
        Layer by name. A name that occurs more than once is followed by ``#2``, ``#3``, ….
    """
    found: dict[str, Any] = {}
    # Not Model.layers: it ends at layers that are no models, such as TimeDistributed.
    for layer in model._flatten_layers(include_self=True, recursive=True):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built:
            name, count = layer.name, 1
            while name in found:
                count += 1
                name = f"{layer.name}#{count}"
            found[name] = layer
    return found


def statistics_of(model: Any) -> dict[str, Statistics]:
    """Copy the moving statistics of a model's BatchNormalization layers.

    Returns:
        By layer name, as :func:`layers_of` gives it; empty for a model without such layers.
    """
    return {
        name: Statistics(
            keras.ops.convert_to_numpy(layer.moving_mean).copy(),
            keras.ops.convert_to_numpy(layer.moving_variance).copy(),
            layer.epsilon,
        )
        for name, layer in layers_of(model).items()
    }


def relative_shift(before: Statistics, after: Statistics) -> float:
    """Measure how far a layer's statistics moved, in its own units.

    Returns:
        The larger of two averages over the channels: of the change of the mean in standard
        deviations before, and of the change of the variance in variances before. 0 says that
        nothing moved; infinity, that a statistic is no longer finite.
    """
    scale = before.variance.astype(np.float64) + before.epsilon
    means = np.abs(after.mean.astype(np.float64) - before.mean) / np.sqrt(scale)
    variances = np.abs(after.variance.astype(np.float64) - before.variance) / scale
    shift = float(max(means.mean(), variances.mean()))
    return shift if np.isfinite(shift) else float("inf")


def shifts(before: Mapping[str, Statistics], after: Mapping[str, Statistics]) -> dict[str, float]:
    """Return the relative shift of each layer, in the order of ``before``."""
    return {name: relative_shift(before[name], after[name]) for name in before}


class BatchNormGuard:
    """Compares a base's statistics before and after each phase.

    ::

        guard = BatchNormGuard(base)
        with guard.phase(1):
            model.fit(…)
        record["batch_norm"] = guard.to_json()

    Attributes:
        shifts: Relative shift of each layer, by phase and layer name.
        alarms: What was wrong, one text a phase, layers named.
    """

    def __init__(
        self, base: Any, *, learns: bool = False, threshold: float = LARGEST_SHIFT
    ) -> None:
        """Watch a base.

        Args:
            base: The model whose BatchNormalization layers must stay as they are.
            learns: True for a base that starts from random weights: its statistics have to be
                learnt, so they are recorded and no alarm is raised.
            threshold: Relative shift above which an alarm is raised.
        """
        self.shifts: dict[str, dict[str, float]] = {}
        self.alarms: list[str] = []
        self._base, self._learns, self._threshold = base, learns, threshold

    @contextlib.contextmanager
    def phase(self, name: int | str) -> Iterator[None]:
        """Compare around a phase, which may be several calls of ``fit``.

        Args:
            name: Number or name of the phase, as it shall stand in the record.

        Raises:
            BatchNormShiftError: When the phase has ended, if a layer shifted by more than the
                threshold. It stops the run, because validation would not show the damage: a
                network whose statistics were overwritten by the training photographs fits
                photographs of the same kind.
        """
        before = statistics_of(self._base)
        yield
        moved = shifts(before, statistics_of(self._base))
        self.shifts[str(name)] = moved
        if self._learns:
            return
        if alarm := self._alarm(name, moved):
            self.alarms.append(alarm)
            log.warning("%s", alarm)
            if any(shift > self._threshold for shift in moved.values()):
                raise BatchNormShiftError(alarm)

    def to_json(self) -> dict[str, Any]:
        """Return what is saved with the run; an infinite shift as None."""
        return {
            "threshold": self._threshold,
            "shifts": {
                phase: {k: round(v, 6) if np.isfinite(v) else None for k, v in moved.items()}
                for phase, moved in self.shifts.items()
            },
            "alarms": list(self.alarms),
        }

    def _alarm(self, phase: int | str, moved: Mapping[str, float]) -> str:
        # Inference mode changes nothing at all, so any shift is a leak; a small one is reported.
        over = {name: shift for name, shift in moved.items() if shift > self._threshold}
        named = over or {name: shift for name, shift in moved.items() if shift > 0}
        if not named:
            return ""
        worst = sorted(named.items(), key=lambda item: -item[1])
        layers = ", ".join(f"{name} ({shift:.1%})" for name, shift in worst[:_NAMED])
        if len(worst) > _NAMED:
            layers += f" and {len(worst) - _NAMED} more"
        limit = f"more than {self._threshold:.0%}" if over else "a little, at all"
        return (
            f"phase {phase} moved the BatchNorm statistics of {len(named)} of {len(moved)} layers "
            f"of {self._base.name} by {limit}: {layers}. Expected no change: the base runs in "
            "inference mode. Call it with training=False inside the model's own call() (a False "
            "recorded in a functional model is replaced by fit's True), or leave its "
            "BatchNormalization layers with trainable=False"
        )
