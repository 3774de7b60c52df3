"""Confidence intervals by Rubin's Bayesian bootstrap, stratified by class.

The ordinary bootstrap resamples photographs with replacement. Of thirty photographs that were all
right, every resample is all right, and the interval is [1, 1]: certainty out of thirty photographs.
The Bayesian bootstrap (Rubin 1981, The Annals of Statistics 9) draws weights for the photographs
instead, from a Dirichlet distribution, and takes pseudo-observations without breaking: half a right
and half a wrong one (Jeffreys) keep an interval open at the edges, and make a better result never
have a lower bound.

Photographs of one class with the same answer are exchangeable, so that drawing weights for them one
by one is drawing the rows of the confusion matrix at once: whatever is a function of the confusion
matrix costs no loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

RESAMPLES = 2000
_FEWEST = 400
CONFIDENCE = 0.95

_CHUNK = 4_000_000  # numbers drawn at once, 32 MB


@dataclass(frozen=True)
class Estimate:
    """A figure and how far chance may have moved it.

    Attributes:
        value: What was measured; NaN where it is not defined.
        low: Lower bound of the 95 % interval.
        high: Upper bound.
    """

    value: float
    low: float
    high: float

    @property
    def interval(self) -> str:
        """The interval for people."""
        return f"[{self.low:.4f}, {self.high:.4f}]"

    def __str__(self) -> str:
        return f"{self.value:.4f} {self.interval}"

    def to_json(self) -> dict[str, Any]:
        """Return ``value`` (null where it is not defined) and ``interval``."""
        value = None if math.isnan(self.value) else round(self.value, 4)
        return {"value": value, "interval": [round(self.low, 4), round(self.high, 4)]}


def estimate(value: float, draws: Array) -> Estimate:
    """Make an estimate of a value and its draws.

    Args:
        value: What was measured; NaN where it is not defined.
        draws: float [B], the same figure in each resample; NaN where it is not defined there.

    Returns:
        The percentiles that hold 95 % of the draws, stretched to hold the value itself: a Beta
        distribution never reaches the 1.0 that was measured.
    """
    defined = draws[~np.isnan(draws)]
    if not defined.size:
        return Estimate(value, 0.0, 1.0)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Estimate(value, float(np.fmin(low, value)), float(np.fmax(high, value)))


def confusions(
    confusion: Array, figure: Callable[[Array], Array], seed: int, *, pooled: bool
) -> Array:
    """Draw confusion matrices and compute a figure of each.

    Args:
        confusion: int [C, C], photographs by true class (row) and answered class (column).
        figure: Takes float [B, C, C], the draws, whose rows sum to each class's photographs, and
            returns float [B, …].
        seed: The same seed gives the same draws.
        pooled: Whether the pseudo-observation is one for the whole matrix, divided among the
            classes by their size (for figures of all classes together), or one for each class (for
            figures of single classes). One for each would make a hundred classes of five
            photographs look bad for the sake of the pseudo-observations alone.

    Returns:
        float [B, …], what ``figure`` returned.
    """
    random = np.random.default_rng(seed)
    counts = confusion.astype(np.float64)
    totals = counts.sum(axis=1)
    classes = len(counts)
    weight = totals / totals.sum() if pooled else np.where(totals > 0, 1.0, 0.0)
    prior = np.full((classes, classes), 0.5 / max(classes - 1, 1))
    np.fill_diagonal(prior, 0.5)
    shape = counts + prior * weight[:, None]
    chunk = max(1, _CHUNK // counts.size)
    # A hundred classes have ten thousand cells, and seconds of drawing.
    resamples = max(_FEWEST, min(RESAMPLES, _CHUNK // counts.size))
    parts = []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = random.standard_gamma(shape, size=(size, classes, classes))
        sums = drawn.sum(axis=2, keepdims=True)
        parts.append(figure(drawn / np.where(sums > 0, sums, 1.0) * totals[:, None]))
    return np.concatenate(parts)


def proportion(successes: int, trials: int, seed: int) -> Estimate:
    """Estimate a share.

    Args:
        successes: How many of ``trials``.
        trials: How many in all; 0 gives an undefined value between 0 and 1.
        seed: The same seed gives the same interval.
    """
    if not trials:
        return Estimate(math.nan, 0.0, 1.0)
    random = np.random.default_rng(seed)
    draws = random.beta(successes + 0.5, trials - successes + 0.5, RESAMPLES)
    return estimate(successes / trials, draws)


def weighted(
    strata: Array, figure: Callable[[Array], Array], seed: int, resamples: int = RESAMPLES
) -> Array:
    """Draw weights for single photographs and compute a figure of each draw.

    Args:
        strata: int [n], the class of each photograph.
        figure: Takes float [B, n], weights that sum to the class's photographs within each class,
            and returns float [B, …].
        seed: The same seed gives the same draws.
        resamples: B.

    Returns:
        float [B, …], what ``figure`` returned.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    chunk = max(1, _CHUNK // len(strata))
    parts = []
    for start in range(0, resamples, chunk):
        weights = random.standard_exponential((min(chunk, resamples - start), len(strata)))
        for positions in members:
            own = weights[:, positions]
            weights[:, positions] = own / own.mean(axis=1, keepdims=True)
        parts.append(figure(weights))
    return np.concatenate(parts)
