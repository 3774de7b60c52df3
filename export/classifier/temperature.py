"""A classifier's confidence: how far it is off, and the one number that mends most of that.

A network that is right nine times in ten tends to be sure ninety-nine times in a hundred. Dividing
its logits by one number, the temperature, changes no answer and brings confidence near accuracy
(Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599). NumPy alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

BINS = 15
"""Bins of equal width that confidences fall into, as the paper has them."""

_COLDEST, _HOTTEST = 0.2, 5.0  # further away, something else is wrong
_FEWEST_ERRORS = 5  # below that a temperature is chance


def fit_temperature(logits: Array, labels: Array) -> tuple[float, str]:
    """Find the temperature at which the likelihood of the labels is highest.

    Args:
        logits: float [n, C].
        labels: int [n].

    Returns:
        The temperature, from 0.2 to 5, or 1 where none can be told; and why it cannot, else empty.
    """
    wrong = int((logits.argmax(axis=1) != labels).sum())
    if wrong < _FEWEST_ERRORS:
        return 1.0, f"{wrong} of {len(labels)} validation photographs are mistaken, too few to tell"
    scaled = logits.astype(np.float64)
    truth = scaled[np.arange(len(labels)), labels]
    # The loss is convex in 1 / temperature: its slope has one zero.
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        slope = ((_softmax(middle * scaled) * scaled).sum(axis=1) - truth).mean()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high), ""


def expected_error(logits: Array, labels: Array) -> float:
    """Return the expected calibration error: how far confidence and accuracy lie apart, 0 to 1.

    Args:
        logits: float [n, C].
        labels: int [n].
    """
    probabilities = _softmax(logits.astype(np.float64))
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    gaps = np.bincount(bin_of(confidence), confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def bin_of(confidence: Array) -> Array:
    """Return the bin of each confidence, int [n], 0 to 14; a bin has its upper edge."""
    return np.asarray(np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1))


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
