"""Which photographs are the same file, or nearly the same image?

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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]

EXACT, NEAR = "exact", "near"

THUMBNAIL = 32
"""Side of a thumbnail in pixels."""

LIMIT = 0.92
"""Correlation from which on two images are near-duplicates."""

_FREQUENCIES = 8  # a side; the hash has one bit fewer than their square
_DISTANCE = 16  # bits that a proposed pair may differ in
_MARGIN = 0.04  # of each side
_CUTS = (0.0, 0.05, 0.1)
_ALIGNED = 16  # pixels a side when laid over one another
_ROWS = 256  # photographs, or pairs, at once


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class Images(Protocol):
    """What pairs are looked for among, a row each.

    Attributes:
        paths: The files.
        digests: SHA-256 of each file, hexadecimal.
        thumbnails: Real [n, 32, 32], luma, 0 to 255, upright.
    """

    @property
    def paths(self) -> Sequence[Path]: ...  # noqa: D102
    @property
    def digests(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def thumbnails(self) -> Array: ...  # noqa: D102


@dataclass(frozen=True)
class ImageSet:
    """Images with nothing but what pairs are found by, see :class:`Images`."""

    paths: Sequence[Path]
    digests: Sequence[str]
    thumbnails: Array


@dataclass(frozen=True)
class Duplicate:
    """Two photographs that are the same, or nearly.

    Attributes:
        first: A file of the first set.
        second: A file of the second.
        kind: ``exact`` (the same file) or ``near``.
        correlation: Of the two images laid over one another, up to 1.
        mirrored: Whether one is the mirror image of the other.
    """

    first: Path
    second: Path
    kind: str
    correlation: float
    mirrored: bool = False


def thumbnails(images: Array) -> Array:
    """Shrink images to thumbnails.

    Args:
        images: Real [n, height, width, 3], RGB, 0 to 255.

    Returns:
        uint8 [n, 32, 32]: the mean luma of each part.
    """
    luma = images @ _LUMA
    rows, columns = (_resampler(0, 1, THUMBNAIL, size) for size in luma.shape[1:])
    return np.asarray(np.round(rows @ luma @ columns.T), np.uint8)


def find(first: Images, second: Images) -> list[Duplicate]:
    """Find every pair of photographs that are the same, or nearly.

    Args:
        first: Some photographs.
        second: Others. The very same set: each pair is found once, and none of a photograph with
            itself. In another set a file of the same path is a photograph like all others.

    Returns:
        The pairs in the first set's order, exact ones first.
    """
    same = first is second
    by_digest: dict[str, list[int]] = {}
    for position, digest in enumerate(second.digests):
        by_digest.setdefault(digest, []).append(position)
    exact = [
        Duplicate(path, second.paths[other], EXACT, 1.0)
        for position, (path, digest) in enumerate(zip(first.paths, first.digests, strict=True))
        for other in by_digest.get(digest, ())
        if not same or position < other
    ]
    known = {(pair.first, pair.second) for pair in exact}
    near: dict[tuple[Path, Path], Duplicate] = {}
    theirs_all = np.asarray(second.thumbnails, np.float32)
    for mirrored in (False, True):
        mine_all = np.asarray(first.thumbnails, np.float32)
        if mirrored:
            mine_all = mine_all[:, :, ::-1]
        for mine, theirs in _proposed(mine_all, theirs_all, once=same):
            correlation = _correlate(mine_all[mine], theirs_all[theirs])
            for row in np.flatnonzero(correlation >= LIMIT):
                pair = first.paths[mine[row]], second.paths[theirs[row]]
                best = near.get(pair)
                if pair not in known and (best is None or best.correlation < correlation[row]):
                    near[pair] = Duplicate(*pair, NEAR, float(correlation[row]), mirrored)
    order = {path: position for position, path in enumerate(first.paths)}
    return exact + sorted(near.values(), key=lambda pair: (order[pair.first], -pair.correlation))


def _proposed(first: Array, second: Array, once: bool) -> Iterator[tuple[Array, Array]]:
    """Yield positions in both sets of pairs whose hashes are close, some at a time and never none.

    With ``once`` both are one set, whose pairs are met twice and whose members meet themselves.
    """
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
        mine += start
        if once:
            mine, theirs = mine[mine < theirs], theirs[mine < theirs]
        for part in range(0, len(mine), _ROWS):
            yield mine[part : part + _ROWS], theirs[part : part + _ROWS]


def _hash(thumbnails: Array) -> Array:
    """Return uint64 [n], a bit for each low frequency that lies above their median."""
    low = _COSINES @ thumbnails @ _COSINES.T
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


def _cosines() -> Array:
    """Return the lowest rows of the orthonormal cosine transform (DCT-II), [8, 32]."""
    frequency, pixel = np.arange(_FREQUENCIES)[:, None], np.arange(THUMBNAIL)
    rows = np.cos(np.pi * frequency * (2 * pixel + 1) / (2 * THUMBNAIL))
    rows *= np.sqrt(2 / THUMBNAIL)
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


def _resampler(low: float, high: float, size: int, pixels: int = THUMBNAIL) -> Array:
    """Return float32 [size, pixels]: the means of ``size`` equal parts of a stretch of pixels."""
    edges = np.linspace(low * pixels, high * pixels, size + 1)
    pixel = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.maximum(overlap, 0.0)
    shares: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


_COSINES = _cosines()
_WINDOWS = np.stack([_resampler(a, 1 - b, _ALIGNED) for a in _CUTS for b in _CUTS])
