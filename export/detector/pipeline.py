"""Samples to batches by ``tf.data``: read, decode, letterbox, augment, pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from export import images
from export.detector import augment
from export.detector.letterbox import letterbox, place, to_square
from export.detector.loss import IGNORED, PADDING
from export.detector.settings import Changes
from export.labels.samples import Sample
from export.training.batches import untuned

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Targets:
    """True boxes of a fixed list of samples, in the network's square, padded to one length.

    Attributes:
        boxes: float32 [samples, M, 4], xmin, ymin, xmax, ymax in pixels of the square.
        classes: int32 [samples, M], 0-based, or PADDING or IGNORED less the class, of
            :mod:`export.detector.loss`.
    """

    boxes: Array
    classes: Array


def targets_of(samples: Sequence[Sample], image_size: int) -> Targets:
    """Move the samples' boxes into the square and pad them."""
    longest = max((len(sample.boxes) for sample in samples), default=0) or 1
    boxes = np.zeros((len(samples), longest, 4), np.float32)
    classes = np.full((len(samples), longest), PADDING, np.int32)
    for row, sample in enumerate(samples):
        count = len(sample.boxes)
        boxes[row, :count] = to_square(sample.boxes, sample.height, sample.width, image_size)
        classes[row, :count] = np.where(sample.ignored, IGNORED - sample.classes, sample.classes)
    return Targets(boxes, classes)


def pixels(samples: Sequence[Sample], image_size: int, batch_size: int) -> tf.data.Dataset:
    """Yield the samples' images in order: float32 [batch, S, S, 3], RGB, 0 to 255."""
    paths = [str(sample.path) for sample in samples]
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    dataset = dataset.map(
        lambda path: _load(path, image_size)[0], num_parallel_calls=tf.data.AUTOTUNE
    )
    return untuned(dataset.batch(batch_size).prefetch(2))


def training_batches(
    samples: Sequence[Sample],
    image_size: int,
    batch_size: int,
    seed: int,
    *,
    changes: Changes | None,
) -> tf.data.Dataset:
    """Yield shuffled training batches, one pass over the samples.

    Args:
        samples: What to train on.
        image_size: Side of the square in pixels.
        batch_size: Images a batch.
        seed: Of the order and of the augmentation; each pass draws anew from it.
        changes: How to change the images at random; None leaves them as they are.

    Returns:
        Dataset of (float32 [batch, S, S, 3], {"boxes": float32 [batch, M, 4], "classes": int32
        [batch, M]}).
    """
    targets = targets_of(samples, image_size)
    paths = [str(sample.path) for sample in samples]
    rows = tf.data.Dataset.from_tensor_slices((paths, targets.boxes, targets.classes))
    dataset = rows.shuffle(len(samples), seed=seed, reshuffle_each_iteration=True)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)

    def load(row: Any, draw: tf.Tensor, others: Any = None) -> Any:
        path, boxes, classes = row
        image, lies = _load(path, image_size)
        if changes is not None:
            if others is not None:
                image, boxes, classes = _perhaps_mosaic(
                    (image, lies, boxes, classes), others, draw, changes.mosaic
                )
            image, boxes, classes = augment.randomly(image, boxes, classes, draw, changes)
        return image, {"boxes": boxes, "classes": classes}

    streams = [dataset, seeds]
    if changes is not None and changes.mosaic:
        # Three more of each: a mosaic's other images. They are only read where one is made.
        streams.append(rows.repeat().shuffle(len(samples), seed=seed + 1).batch(3))
    dataset = tf.data.Dataset.zip(*streams).map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return untuned(dataset.batch(batch_size).prefetch(2))


def _perhaps_mosaic(
    one: Any, others: Any, draw: tf.Tensor, share: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Put an image together with three others, or leave it; boxes are padded for four.

    Args:
        one: The image, where it lies in its square, its boxes and classes.
        others: Paths, boxes and classes of the three.
        draw: The seed of everything about the image.
        share: How often they are put together.
    """
    image, _, boxes, classes = one
    paths, more_boxes, more_classes = others
    more = tf.shape(more_classes)[0] * tf.shape(more_classes)[1]

    def together() -> Any:
        loaded = [_load(path, image.shape[0]) for path in tf.unstack(paths, 3)]
        pixels, places = zip(one[:2], *loaded, strict=True)
        return augment.mosaic(
            tf.stack(pixels),
            tf.stack(places),
            tf.concat([boxes[None], more_boxes], axis=0),
            tf.concat([classes[None], more_classes], axis=0),
            tf.random.fold_in(draw, 1),
        )

    def alone() -> Any:
        padding = tf.fill([more], PADDING)
        return image, tf.pad(boxes, [[0, more], [0, 0]]), tf.concat([classes, padding], axis=0)

    # Keys of its own: those that are split from the draw are the other changes'.
    made = tf.random.stateless_uniform([], tf.random.fold_in(draw, 0)) < share
    image, boxes, classes = tf.cond(made, together, alone)
    return image, boxes, classes


def _load(path: tf.Tensor, image_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return an image in its square, and where it lies there."""
    image = images.decode(tf.io.read_file(path))
    height, width = tf.unstack(tf.shape(image)[:2])
    return letterbox(image, image_size), place(height, width, image_size)
