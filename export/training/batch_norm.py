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
import math
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
_FEWEST_STEPS = 10


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
        nothing moved; infinity, that a statistic is no longer finite. A channel that was not finite
        before counts as moved by nothing.
    """
    sound = np.isfinite(before.mean) & np.isfinite(before.variance)
    if not sound.any():
        return 0.0
    after_mean, after_variance = after.mean[sound], after.variance[sound]
    # Python's max() of a number and NaN is the number.
    if not (np.isfinite(after_mean).all() and np.isfinite(after_variance).all()):
        return math.inf
    scale = before.variance[sound].astype(np.float64) + before.epsilon
    means = np.abs(after_mean.astype(np.float64) - before.mean[sound]) / np.sqrt(scale)
    variances = np.abs(after_variance.astype(np.float64) - before.variance[sound]) / scale
    return float(max(means.mean(), variances.mean()))


def shifts(before: Mapping[str, Statistics], after: Mapping[str, Statistics]) -> dict[str, float]:
    """Return the relative shift of each layer that stands in both, in the order of ``before``."""
    return {
        name: relative_shift(statistics, after[name])
        for name, statistics in before.items()
        if name in after
    }


def follow_within_an_epoch(base: Any, steps: int) -> None:
    """Have BatchNorm statistics that learn reach what the batches are like within an epoch.

    Keras's own momenta suit ImageNet's thousands of steps: MobileNetV2's 0.999 still holds three
    quarters of the initial statistics after 300 steps, so validation, and whoever runs the model,
    would see another network than the one that was trained. Here statistics are an average over
    about half an epoch, and over ten steps where an epoch is short (momentum 0.9, PyTorch's
    default). No momentum becomes larger than it was.

    Args:
        base: Whose statistics learn.
        steps: Of an epoch.
    """
    momentum = 1 - 1 / max(_FEWEST_STEPS, steps / 2)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, momentum)


class BatchNormGuard:
    """Compares a base's statistics before and after each phase.

    ::

        guard = BatchNormGuard(base)
        with guard.phase(1):
            model.fit(…)
        record["batch_norm"] = guard.to_json()

    Attributes:
        shifts: Relative shift of each layer, by phase and layer name.
        total: Relative shift of each layer from what the guard first saw to the end of the last
            phase: small shifts of several phases add up.
        alarms: What was wrong, one text a phase, layers named.
        notes: What the guard cannot see, because there is nothing to watch.
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
        self.total: dict[str, float] = {}
        self.alarms: list[str] = []
        self.notes: list[str] = []
        self._base, self._learns, self._threshold = base, learns, threshold
        self._first = statistics_of(base)
        self._say_what_is_watched()

    @contextlib.contextmanager
    def phase(self, name: int | str) -> Iterator[None]:
        """Compare around a phase, which may be several calls of ``fit``.

        Args:
            name: Number or name of the phase, as it shall stand in the record.

        Raises:
            BatchNormShiftError: When the phase has ended, if a layer shifted by more than the
                threshold, in this phase or in all so far. It stops the run, because validation
                would not show the damage: a network whose statistics were overwritten by the
                training photographs fits photographs of the same kind. A phase that ends by an
                exception leaves its record and its alarm, and the exception goes on.
        """
        before = statistics_of(self._base)
        self._first = {**before, **self._first}  # layers that were built since
        try:
            yield
        except BaseException:
            self._compare(name, before)
            raise
        if self._compare(name, before):
            raise BatchNormShiftError(self.alarms[-1])

    def to_json(self) -> dict[str, Any]:
        """Return what is saved with the run; an infinite shift as None."""
        return {
            "threshold": self._threshold,
            "layers": len(self._first),
            "shifts": {phase: _finite(moved) for phase, moved in self.shifts.items()},
            "total": _finite(self.total),
            "alarms": list(self.alarms),
            "notes": list(self.notes),
        }

    def _compare(self, name: int | str, before: Mapping[str, Statistics]) -> bool:
        """Record what a phase moved; tell whether it was too much."""
        after = statistics_of(self._base)
        if late := [layer for layer in after if layer not in before]:
            self._note(
                f"{len(late)} BatchNormalization layers of {self._base.name} were built during "
                f"phase {name}: what it did to their statistics is not known. Build the model, or "
                "call it once, before the guard is made"
            )
        moved = self.shifts[str(name)] = shifts(before, after)
        self.total = shifts(self._first, after)
        if self._learns:
            return False
        alarm = _alarm(self._base, f"phase {name}", moved, self._threshold)
        if not _over(moved, self._threshold) and _over(self.total, self._threshold):
            alarm = _alarm(
                self._base, f"all phases up to {name} together", self.total, self._threshold
            )
        if alarm:
            self.alarms.append(alarm)
            log.warning("%s", alarm)
        return bool(_over(moved, self._threshold) or _over(self.total, self._threshold))

    def _say_what_is_watched(self) -> None:
        unbuilt = [
            layer
            for layer in self._base._flatten_layers(include_self=True, recursive=True)
            if isinstance(layer, keras.layers.BatchNormalization) and not layer.built
        ]
        if unbuilt or not self._base.built:
            self._note(
                f"{self._base.name} is not built yet, so that {len(unbuilt) or 'all'} of its "
                "BatchNormalization layers cannot be watched: build the model, or call it once, "
                "before the guard is made"
            )
        elif not self._first:
            self._note(
                f"{self._base.name} has no BatchNormalization layer: there is nothing to watch"
            )
        damaged = [
            name
            for name, found in self._first.items()
            if not (np.isfinite(found.mean).all() and np.isfinite(found.variance).all())
        ]
        if damaged:
            self._note(
                f"statistics of {_list(damaged)} of {self._base.name} were not finite before "
                "anything trained: the file of weights is damaged, or another network's"
            )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        log.warning("%s", text)


def _over(moved: Mapping[str, float], threshold: float) -> dict[str, float]:
    return {name: shift for name, shift in moved.items() if shift > threshold}


def _alarm(base: Any, who: str, moved: Mapping[str, float], threshold: float) -> str:
    """Say what moved; "" when nothing did."""
    # Inference mode changes nothing at all, so any shift is a leak; a small one is reported.
    over = _over(moved, threshold)
    named = over or {name: shift for name, shift in moved.items() if shift > 0}
    if not named:
        return ""
    worst = sorted(named.items(), key=lambda item: -item[1])
    layers = _list([f"{name} ({_percent(shift)})" for name, shift in worst])
    limit = f"more than {threshold:.0%}" if over else "a little, at all"
    return (
        f"{who} moved the BatchNorm statistics of {len(named)} of {len(moved)} layers "
        f"of {base.name} by {limit}: {layers}. Expected no change: the base runs in "
        "inference mode. Call it with training=False inside the model's own call() (a False "
        "recorded in a functional model is replaced by fit's True), or leave its "
        "BatchNormalization layers with trainable=False"
    )


def _percent(shift: float) -> str:
    return f"{shift:.1%}" if math.isfinite(shift) else "no longer finite"


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _finite(moved: Mapping[str, float]) -> dict[str, float | None]:
    return {name: round(v, 6) if math.isfinite(v) else None for name, v in moved.items()}
