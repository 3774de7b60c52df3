"""Features of a frozen backbone, computed once and kept on disk while the head trains.

Memory-mapped: a data set larger than memory trains as well, one that fits is served from memory
by the operating system.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.detector import augment, pipeline
from export.detector.pipeline import Targets
from export.detector.settings import Changes
from export.labels.samples import Sample

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_BATCH_SIZE = 8
_FREE_SHARE = 0.8  # of the disk's free space that may be used


@dataclass(frozen=True)
class CachedFeatures:
    """Feature maps of every view of every sample, and the boxes that go with them.

    Attributes:
        maps: By scale, float32 [rows, height, width, channels].
        targets: Boxes and classes by row.
    """

    maps: tuple[Array, ...]
    targets: Targets

    def __len__(self) -> int:
        return len(self.targets.boxes)

    def inputs(self, rows: Array) -> tuple[Array, ...]:
        """Return the maps of some rows."""
        return tuple(m[rows] for m in self.maps)

    def batch(self, rows: Array) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Return maps and targets of some rows, in ascending order: a memory map's faster one."""
        rows = np.sort(rows)
        targets = {"boxes": self.targets.boxes[rows], "classes": self.targets.classes[rows]}
        return self.inputs(rows), targets


@dataclass(frozen=True)
class Views:
    """What is shown of each sample.

    Attributes:
        count: Versions a sample: the image, its mirror images, then random ones.
        changes: Which mirror images there are, and how the random ones may differ.
        seed: Of the random ones.
    """

    count: int
    changes: Changes
    seed: int

    def of(self, number: int) -> _View:
        """Return how one view is made."""
        flips = augment.FLIPS[self.changes.mirror]
        return _View(self.changes, self.seed, flips[number] if number < len(flips) else None)


@dataclass(frozen=True)
class _View:
    changes: Changes
    seed: int
    flips: tuple[bool, bool] | None  # None: changed at random


def fit(features: Any, rows: int, directory: Path) -> bool:
    """Tell whether a disk has room for ``rows`` rows of features; say so if not."""
    need = rows * sum(int(np.prod(output.shape[1:])) for output in features.outputs) * 4
    free = shutil.disk_usage(directory).free * _FREE_SHARE
    if need > free:
        log.warning(
            "the features of %d images need %.1f GB, %s has %.1f: computing them in each epoch",
            rows,
            need / 1e9,
            directory,
            free / 1e9,
        )
    return need <= free


def compute(
    features: Any,
    samples: Sequence[Sample],
    image_size: int,
    views: Views,
    directory: Path,
) -> CachedFeatures:
    """Run the frozen backbone over every view of every sample.

    Args:
        features: Model of pixels to feature maps.
        samples: The samples; each is read once.
        image_size: Side of the square in pixels.
        views: What is shown of each.
        directory: On which disk the maps are kept, in files without a name: whatever ends this
            process, nothing of them is left.

    Returns:
        The features, view by view: row ``v * len(samples) + i`` is view v of sample i.
    """
    count = len(samples)
    shapes = [(count * views.count, *output.shape[1:]) for output in features.outputs]
    maps = [_unnamed_map(directory, shape) for shape in shapes]
    plain = pipeline.targets_of(samples, image_size)
    targets = Targets(
        np.tile(plain.boxes, (views.count, 1, 1)), np.tile(plain.classes, (views.count, 1))
    )
    run = tf.function(lambda pixels: features(pixels, training=False), reduce_retracing=True)
    change = tf.function(_change, reduce_retracing=True)
    progress = keras.utils.Progbar(count, unit_name="image")
    start = 0
    for pixels in pipeline.pixels(samples, image_size, _BATCH_SIZE):
        stop = start + len(pixels)
        for view in range(views.count):
            batch, rows = pixels, slice(view * count + start, view * count + stop)
            if view:
                batch = _viewed(pixels, targets, rows, views.of(view), change)
            for kept, values in zip(maps, run(batch), strict=True):
                kept[rows] = values.numpy()
        start = stop
        if sys.stderr.isatty():
            with contextlib.redirect_stdout(sys.stderr):
                progress.update(stop)
    return CachedFeatures(tuple(maps), targets)


def _unnamed_map(directory: Path, shape: tuple[int, ...]) -> Array:
    with tempfile.TemporaryFile(dir=directory) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)  # it outlives the closed file


def _viewed(
    pixels: tf.Tensor, targets: Targets, rows: slice, view: _View, change: Any
) -> tf.Tensor:
    """Return one view of a batch, and write where its boxes went into ``targets``."""
    changed = [
        change(
            pixels[i],
            targets.boxes[row],
            targets.classes[row],
            tf.constant([view.seed, row], tf.int64),
            view.changes,
            view.flips,
        )
        for i, row in enumerate(range(rows.start, rows.stop))
    ]
    targets.boxes[rows] = [box.numpy() for _, box, _ in changed]
    targets.classes[rows] = [label.numpy() for _, _, label in changed]
    return tf.stack([pixel for pixel, _, _ in changed])


def _change(
    pixels: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    changes: Changes,
    flips: tuple[bool, bool] | None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    if flips is not None:
        return (*augment.flip(pixels, boxes, *flips), classes)
    return augment.randomly(pixels, boxes, classes, seed, changes)
