"""Find the cutoff of scores that serves a purpose best, and how firmly the photographs fix it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export.errors import ExportError
from export.evaluation import bootstrap

Array = np.ndarray[Any, Any]

Gain = Callable[[Array, Array], Array]
"""From the weights below and above each cutoff to what each gains, the larger the better.

Weights are float [B, cutoffs, 2]: of the photographs that are not what is looked for, and of those
that are. Gains are float [B, cutoffs]."""

_RESAMPLES = 500
_TINY = 1e-12  # a probability of exactly 0 or 1 has no finite log-odds


class ThresholdError(ExportError):
    """A threshold cannot be chosen, read, or used with this model."""


def youden(below: Array, above: Array) -> Array:
    """Return true positive rate minus false positive rate."""
    totals = below + above
    difference: Array = above[..., 1] / totals[..., 1] - above[..., 0] / totals[..., 0]
    return difference


def f1(below: Array, above: Array) -> Array:
    """Return the F1 of what is looked for."""
    harmonic: Array = 2 * above[..., 1] / (above.sum(axis=-1) + below[..., 1] + above[..., 1])
    return harmonic


def chow(withheld_cost: float) -> Gain:
    """Return what is saved when the answers below the cutoff are withheld, at this cost each.

    Args:
        withheld_cost: Where a wrong answer costs 1. What is looked for are right answers.
    """

    def saved(below: Array, above: Array) -> Array:
        loss: Array = above[..., 0] + withheld_cost * below.sum(axis=-1)
        return -loss

    return saved


def best(
    scores: Array,
    is_wanted: Array,
    strata: Array,
    gain: Gain,
    seed: int,
    *,
    all_above: bool = False,
) -> tuple[float, tuple[float, float]]:
    """Find the cutoff of the scores with the largest gain.

    Args:
        scores: float [n], probabilities.
        is_wanted: bool [n], what a cutoff should leave above it.
        strata: int [n], the true classes; photographs are resampled within them.
        gain: What a cutoff is good for.
        seed: Of the interval.
        all_above: Whether to have everything above the cutoff (0.0) is a choice.

    Returns:
        The cutoff, halfway between two neighbours in log-odds, and its 95 % interval.

    Raises:
        ThresholdError: There is no cutoff: all scores are the same.
    """
    order = np.argsort(scores, kind="stable")
    scores, wanted = scores[order], np.stack([~is_wanted, is_wanted], axis=1)[order]
    starts = np.flatnonzero(np.diff(scores) > 0) + 1  # first photograph above each cutoff
    clipped = np.clip(scores, _TINY, 1 - _TINY)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    middle = (log_odds[starts - 1] + log_odds[starts]) / 2
    # Rounding must not put the cutoff on the wrong side of a neighbour.
    values = np.clip(1 / (1 + np.exp(-middle)), np.nextafter(scores[starts - 1], 1), scores[starts])
    width = log_odds[starts] - log_odds[starts - 1]
    if all_above:
        starts, values, width = np.r_[0, starts], np.r_[0.0, values], np.r_[np.inf, width]
    if not len(starts):
        raise ThresholdError(
            f"all {len(scores)} validation photographs have the probability {scores[0]:g}; "
            "no threshold can tell them apart"
        )

    def gains(weights: Array) -> Array:
        weighted = weights[:, :, None] * wanted
        sums = np.cumsum(weighted, axis=1)
        none = np.zeros((len(weights), 1, 2))
        below = np.concatenate([none, sums], axis=1)[:, starts]
        return gain(below, sums[:, -1:] - below)

    point = gains(np.ones((1, len(scores))))[0]
    best = np.flatnonzero(point >= point.max() - 1e-9)
    value = values[best[width[best].argmax()]]  # of equals, the one in the widest gap
    draws = bootstrap.weighted(
        strata[order], lambda w: values[gains(w).argmax(axis=1)], seed, _RESAMPLES
    )
    spread = bootstrap.estimate(float(value), draws)
    return spread.value, (spread.low, spread.high)
