"""Does a confidence of 0.9 mean right nine times in ten?

The top class of each photograph and its probability, in bins of equal width (Guo et al. 2017, "On
Calibration of Modern Neural Networks", arXiv:1706.04599, with its fifteen bins).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.classifier.temperature import BINS, bin_of
from export.evaluation import bootstrap
from export.evaluation.bootstrap import Estimate

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bin:
    """Photographs of similar confidence.

    Attributes:
        low: Lower edge of the confidence, exclusive except in the first bin.
        high: Upper edge, inclusive.
        photographs: How many.
        confidence: Their mean confidence; NaN without any.
        accuracy: The share of them that was right.
    """

    low: float
    high: float
    photographs: int
    confidence: float
    accuracy: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the bin as the command line prints it."""
        confidence = None if math.isnan(self.confidence) else round(self.confidence, 4)
        return {
            "range": [round(self.low, 4), round(self.high, 4)],
            "photographs": self.photographs,
            "confidence": confidence,
            "accuracy": self.accuracy.to_json(),
        }


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        expected_error: Expected calibration error: the bins' distances between mean confidence and
            accuracy, averaged over the photographs.
        brier: Brier score: squared distance between the probabilities and the truth, summed over
            the classes (0 to 2), averaged over the photographs.
        bins: From low confidence to high; with C classes none lies below 1/C.
    """

    expected_error: Estimate
    brier: Estimate
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as the command line prints it, without its empty bins."""
        return {
            "expected_calibration_error": self.expected_error.to_json(),
            "brier_score": self.brier.to_json(),
            "bins": [b.to_json() for b in self.bins if b.photographs],
        }


def measure(labels: Array, probabilities: Array, seed: int) -> Calibration:
    """Compare confidence with accuracy.

    Args:
        labels: int [n], the true classes.
        probabilities: float [n, C], rows sum to 1.
        seed: Of the intervals.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    squared = np.square(probabilities - np.eye(probabilities.shape[1])[labels]).sum(axis=1)
    position = bin_of(confidence)
    members = np.eye(BINS)[position]
    gaps = (confidence - right)[:, None] * members

    def figures(weights: Array) -> Array:
        """Return float [B, 2]: expected calibration error, Brier score."""
        error = np.abs(weights @ gaps).sum(axis=1) / len(labels)
        return np.stack([error, weights @ squared / len(labels)], axis=1)

    point = figures(np.ones((1, len(labels))))[0]
    draws = bootstrap.weighted(labels, figures, seed)
    # A bin's distance cannot be negative, so chance only adds to the error, in each draw once more
    # than in the photographs themselves. Reflecting the draws at the value takes that out.
    reflected = np.maximum(2 * point[0] - draws[:, 0], 0.0)
    counts = members.sum(axis=0).astype(int)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = tuple(
        Bin(
            float(edges[b]),
            float(edges[b + 1]),
            int(counts[b]),
            float(confidence[position == b].mean()) if counts[b] else math.nan,
            bootstrap.proportion(int(right[position == b].sum()), int(counts[b]), seed),
        )
        for b in range(BINS)
    )
    return Calibration(
        bootstrap.estimate(float(point[0]), reflected),
        bootstrap.estimate(float(point[1]), draws[:, 1]),
        bins,
    )
