"""Is a photograph of the holdout in the training data, the same file or nearly the same image?

The same file: by SHA-256. Nearly the same image, in two steps:

1. A perceptual hash proposes pairs: the signs of the lowest 63 frequencies of a cosine transform of
   the thumbnail (pHash). It survives resizing, recompression and changes of brightness, but not
   cropping: cut a tenth off each side, and a third of its bits differ. So each image is hashed
   whole, with a margin cut off, and mirrored.
2. Each proposed pair is laid over one another, in 81 ways of cutting up to a tenth from each side,
   and correlated. With the hash alone one would have to choose between naming strangers and missing
   crops; the correlation tells them apart (``docs/evaluation.md`` has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn

from export.evaluation.image_statistics import THUMBNAIL, ImageStatistics

Array = np.ndarray[Any, Any]

EXACT, NEAR = "exact", "near"

LIMIT = 0.92
"""Correlation from which on two images are near-duplicates."""

_FREQUENCIES = 8  # a side; the hash has one bit fewer than their square
_DISTANCE = 16  # bits that a proposed pair may differ in
_MARGIN = 0.04  # of each side
_CUTS = (0.0, 0.05, 0.1)
_ALIGNED = 16  # pixels a side when laid over one another
_ROWS = 256  # photographs, or pairs, at once


@dataclass(frozen=True)
class Leak:
    """A photograph that is in both sets.

    Attributes:
        holdout: The file in the holdout.
        training: The file in the training data.
        kind: ``exact`` (the same file) or ``near``.
        correlation: Of the two images laid over one another, up to 1.
        mirrored: Whether one is the mirror image of the other.
    """

    holdout: Path
    training: Path
    kind: str
    correlation: float
    mirrored: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the pair as the command line prints it."""
        return {
            "holdout": str(self.holdout),
            "training": str(self.training),
            "kind": self.kind,
            "correlation": round(self.correlation, 3),
            "mirrored": self.mirrored,
        }


def find(training: ImageStatistics, holdout: ImageStatistics) -> list[Leak]:
    """Find every pair of photographs that are the same, or nearly.

    Args:
        training: What the model was made from: trained on and validated with.
        holdout: What it is measured on.

    Returns:
        The pairs in the holdout's order, exact ones first.
    """
    by_digest: dict[str, list[Path]] = {}
    for path, digest in zip(training.paths, training.digests, strict=True):
        by_digest.setdefault(digest, []).append(path)
    exact = [
        Leak(path, other, EXACT, 1.0)
        for path, digest in zip(holdout.paths, holdout.digests, strict=True)
        for other in by_digest.get(digest, ())
    ]
    known = {(leak.holdout, leak.training) for leak in exact}
    near: dict[tuple[Path, Path], Leak] = {}
    for mirrored in (False, True):
        thumbnails = holdout.thumbnails[:, :, ::-1] if mirrored else holdout.thumbnails
        for mine, theirs in _proposed(thumbnails, training.thumbnails):
            correlation = _correlate(thumbnails[mine], training.thumbnails[theirs])
            for row in np.flatnonzero(correlation >= LIMIT):
                pair = holdout.paths[mine[row]], training.paths[theirs[row]]
                best = near.get(pair)
                if pair not in known and (best is None or best.correlation < correlation[row]):
                    near[pair] = Leak(*pair, NEAR, float(correlation[row]), mirrored)
    order = {path: position for position, path in enumerate(holdout.paths)}
    return exact + sorted(near.values(), key=lambda leak: (order[leak.holdout], -leak.correlation))


def _proposed(first: Array, second: Array) -> Iterator[tuple[Array, Array]]:
    """Yield positions in both sets of pairs whose hashes are close."""
    if not (len(first) and len(second)):
        return
    cut = _resampler(_MARGIN, 1 - _MARGIN, THUMBNAIL)
    hashes = [(_hash(t), _hash(cut @ t @ cut.T)) for t in (first, second)]
    (whole, margin), (whole_2, margin_2) = hashes
    for start in range(0, len(first), _ROWS):
        rows = slice(start, start + _ROWS)
        close = np.zeros((len(whole[rows]), len(second)), bool)
        # Both cut would tell nothing new: two images that agree there agree as wholes.
        for one, other in ((whole, whole_2), (margin, whole_2), (whole, margin_2)):
            close |= np.bitwise_count(one[rows, None] ^ other[None]) <= _DISTANCE
        mine, theirs = np.nonzero(close)
        for part in range(0, len(mine), _ROWS):
            yield mine[part : part + _ROWS] + start, theirs[part : part + _ROWS]


def _hash(thumbnails: Array) -> Array:
    """Return uint64 [n], a bit for each low frequency that lies above their median."""
    low = dctn(thumbnails, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES]
    low = low.reshape(len(low), -1)[:, 1:]  # the first is the brightness
    bits = low > np.median(low, axis=1, keepdims=True)
    weights = np.left_shift(np.uint64(1), np.arange(bits.shape[1], dtype=np.uint64))
    packed: Array = (bits * weights).sum(axis=1, dtype=np.uint64)
    return packed


def _correlate(first: Array, second: Array) -> Array:
    """Correlate pairs of thumbnails, float [n, 32, 32] each, in the best way to lay them."""
    found: Array = np.maximum(_best_window(first, second), _best_window(second, first))
    return found


def _best_window(whole: Array, part: Array) -> Array:
    """Correlate each ``part`` with every window of its ``whole``; return the best, float [n]."""
    windows = np.einsum("aip,npq,bjq->nabij", _WINDOWS, whole, _WINDOWS, optimize=True)
    flat = _standardised(windows.reshape(len(whole), -1, _ALIGNED * _ALIGNED))
    all_of_it = _WINDOWS[0]
    target = _standardised((all_of_it @ part @ all_of_it.T).reshape(len(part), 1, -1))
    best: Array = (flat * target).sum(axis=2).max(axis=1)
    return best


def _standardised(rows: Array) -> Array:
    centred = rows - rows.mean(axis=-1, keepdims=True)
    # An image of one colour correlates with nothing.
    scaled: Array = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-3)
    return scaled


def _resampler(low: float, high: float, size: int) -> Array:
    """Return float32 [size, 32]: the means of ``size`` equal parts of a stretch of a thumbnail."""
    edges = np.linspace(low * THUMBNAIL, high * THUMBNAIL, size + 1)
    pixel = np.arange(THUMBNAIL)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.maximum(overlap, 0.0)
    shares: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


_WINDOWS = np.stack([_resampler(a, 1 - b, _ALIGNED) for a in _CUTS for b in _CUTS])
