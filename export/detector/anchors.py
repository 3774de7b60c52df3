"""Box shapes to start from: k-means on IoU over the training boxes (YOLOv2, section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_ITERATIONS = 100
_RESTARTS = 5


def shape_iou(sizes: Array, shapes: Array) -> Array:
    """Return the IoU of boxes that share a corner.

    Args:
        sizes: [n, 2] width and height.
        shapes: [k, 2] width and height.

    Returns:
        float64 [n, k].
    """
    common = np.minimum(sizes[:, None, :], shapes[None, :, :]).prod(axis=-1)
    return np.asarray(common / (sizes.prod(-1)[:, None] + shapes.prod(-1)[None, :] - common))


def fit(sizes: Array, count: int, seed: int) -> tuple[Array, float]:
    """Find ``count`` shapes that overlap the boxes well.

    Args:
        sizes: [n, 2] width and height of the training boxes in pixels of the network input, all
            positive.
        count: Number of shapes.
        seed: Of the starting points.

    Returns:
        Shapes float64 [count, 2] by ascending area, and the boxes' mean IoU with their best shape.
        With fewer distinct boxes than shapes, scaled copies fill up.

    Raises:
        ValueError: There is no box, or one without area.
    """
    sizes = np.asarray(sizes, np.float64).reshape(-1, 2)
    if not len(sizes) or sizes.min() <= 0:
        raise ValueError("anchors need at least one box, each with positive width and height")
    distinct = np.unique(sizes, axis=0)
    if len(distinct) < count:
        factors = 1.5 ** np.arange(1, count + 1)
        filler = (distinct[:, None, :] * factors[None, :, None]).reshape(-1, 2)
        distinct = np.concatenate([distinct, filler])
        shapes = distinct[:count]
    else:
        generator = np.random.default_rng(seed)
        runs = [_k_means(sizes, distinct, count, generator) for _ in range(_RESTARTS)]
        shapes = max(runs, key=lambda run: _mean_best(sizes, run))
    shapes = shapes[np.argsort(shapes.prod(axis=-1), kind="stable")]
    return shapes, _mean_best(sizes, shapes)


def _mean_best(sizes: Array, shapes: Array) -> float:
    return float(shape_iou(sizes, shapes).max(axis=1).mean())


def _k_means(sizes: Array, distinct: Array, count: int, generator: np.random.Generator) -> Array:
    shapes = distinct[generator.choice(len(distinct), count, replace=False)]
    nearest = np.full(len(sizes), -1)
    for _ in range(_ITERATIONS):
        before, nearest = nearest, shape_iou(sizes, shapes).argmax(axis=1)
        if np.array_equal(before, nearest):
            break
        # The median is robust against boxes cut off at the border; an empty cluster stays put.
        shapes = np.array(
            [
                np.median(sizes[nearest == k], axis=0) if np.any(nearest == k) else shapes[k]
                for k in range(count)
            ]
        )
    return shapes
