"""Has the model become worse over time, or did chance pick harder photographs?

Accuracy of each period, and the earliest against the latest. Were the two exchangeable, the
photographs of a class that were answered right would lie in either at random. So the test shuffles
the right answers between the two, within each class, and counts how often the drop is as large. A
period with more photographs of the hard class is thus no drop. The classes' drops are averaged with
Cochran-Mantel-Haenszel weights, n m / (n + m) for n photographs in one period and m in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.errors import DataSetError
from export.evaluation import bootstrap
from export.evaluation.bootstrap import RESAMPLES, Estimate

Array = np.ndarray[Any, Any]

LEVEL = 0.05
"""Share of comparisons without a drop that may report one."""

_SHUFFLES = 10_000


@dataclass(frozen=True)
class Period:
    """How good the answers of one period are.

    Attributes:
        name: The period.
        photographs: How many.
        accuracy: Share answered right.
    """

    name: str
    photographs: int
    accuracy: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the period as the command line prints it."""
        return {"photographs": self.photographs, "accuracy": self.accuracy.to_json()}


@dataclass(frozen=True)
class TemporalShift:
    """Accuracy over time.

    Attributes:
        periods: Earliest first.
        drop: Accuracy of the earliest minus that of the latest, class by class, averaged.
        p_value: How often chance alone makes a drop as large.
    """

    periods: tuple[Period, ...]
    drop: Estimate
    p_value: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the drop is larger than chance explains, at :data:`LEVEL`."""
        return self.p_value < LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return the shift as the command line prints it."""
        return {
            "periods": {period.name: period.to_json() for period in self.periods},
            "earliest": self.periods[0].name,
            "latest": self.periods[-1].name,
            "drop": self.drop.to_json(),
            "p": round(self.p_value, 5),
            "level": LEVEL,
            "beyond_chance": self.beyond_chance,
        }


def measure(
    labels: Array, right: Array, periods: Array, names: Sequence[str], seed: int
) -> TemporalShift:
    """Compare the periods.

    Args:
        labels: int [n], the true classes.
        right: bool [n], whether each was answered right.
        periods: int [n], position in ``names``.
        names: Earliest first; periods without a photograph are left out.
        seed: Of intervals and test.

    Raises:
        DataSetError: There are fewer than two periods, or the earliest and the latest have no class
            in common.
    """
    present = [p for p in range(len(names)) if np.any(periods == p)]
    if len(present) < 2:
        raise DataSetError("a shift over time needs answers in two periods")
    found = tuple(
        Period(
            names[p],
            int(np.count_nonzero(periods == p)),
            bootstrap.proportion(
                int(right[periods == p].sum()), int(np.count_nonzero(periods == p)), seed
            ),
        )
        for p in present
    )
    trials, successes = (
        _counts(labels[chosen], periods[chosen], (present[0], present[-1]), np.unique(labels))
        for chosen in (np.ones(len(labels), bool), right)
    )
    both = (trials > 0).all(axis=0)
    if not both.any():
        raise DataSetError(
            f"{names[present[0]]} and {names[present[-1]]} have no class in common to compare"
        )
    drop, p_value = _compare(trials[:, both], successes[:, both], seed)
    return TemporalShift(found, drop, p_value)


def _counts(labels: Array, periods: Array, two: tuple[int, int], classes: Array) -> Array:
    """Count the photographs of two periods: int [2, classes]."""
    return np.array(
        [[np.count_nonzero((periods == p) & (labels == c)) for c in classes] for p in two]
    )


def _compare(trials: Array, successes: Array, seed: int) -> tuple[Estimate, float]:
    """Compare the earliest with the latest period.

    Args:
        trials: int [2, classes], photographs, at least one each.
        successes: int [2, classes], of them answered right.
        seed: Of interval and test.

    Returns:
        The drop, and how often chance alone makes one as large.
    """
    random = np.random.default_rng(seed)
    weights = trials.prod(axis=0) / trials.sum(axis=0)

    def drop(rates: Array) -> Array:
        """Average float [B, 2, classes]."""
        averaged: Array = ((rates[:, 0] - rates[:, 1]) * weights).sum(axis=1) / weights.sum()
        return averaged

    observed = float(drop((successes / trials)[None])[0])
    # One pseudo-observation a period, divided among its classes (see bootstrap).
    share = trials / trials.sum(axis=1, keepdims=True) / 2
    rates = random.beta(
        successes + share, trials - successes + share, size=(RESAMPLES, *trials.shape)
    )
    early = random.hypergeometric(
        successes.sum(axis=0),
        (trials - successes).sum(axis=0),
        trials[0],
        size=(_SHUFFLES, trials.shape[1]),
    )
    shuffled = np.stack([early, successes.sum(axis=0) - early], axis=1) / trials
    beyond = int(np.count_nonzero(drop(shuffled) >= observed - 1e-12))
    return bootstrap.estimate(observed, drop(rates)), (1 + beyond) / (1 + _SHUFFLES)
