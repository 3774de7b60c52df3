"""The detector's loss: where the boxes are, whether something is there, what it is.

Box: 1 - CIoU (Zheng et al. 2020). Objectness: binary cross-entropy over all cells, without those
that predict a true box well and are not responsible for it (YOLOv3's ignore threshold); a
responsible cell's is taught 1, or how well its box lies. Class: binary cross-entropy a class, for
overlapping labels, perhaps smoothed. Each term is summed over the scales and divided by the number
of responsible cells, so that it depends neither on the batch size nor on how many objects an image
has. Responsible is the cell of a box's centre, and its neighbours where the settings say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from keras.utils import bounding_boxes

from export.detector.predictions import Grid, boxes_of
from export.detector.settings import LossSettings

PADDING = -1
"""Class of a row that stands for no box."""

IGNORED = -2
"""Class of a box of class 0 that is neither to be found nor background (VOC's difficult, COCO's
crowd); of class k it is this minus k."""

# Steps toward the nearer neighbour, by column and row: the cell itself, the nearest one beside it,
# the nearest one above or below.
_BESIDE = ((0, 0), (1, 0), (0, 1))


def detection_loss(
    raws: Sequence[tf.Tensor],
    boxes: tf.Tensor,
    classes: tf.Tensor,
    grid: Grid,
    settings: LossSettings,
) -> Mapping[str, tf.Tensor]:
    """Compute the terms of the loss.

    Args:
        raws: The head's outputs, coarsest first, float32 [batch, height, width, anchors, 5 +
            classes].
        boxes: float32 [batch, M, 4], true xmin, ymin, xmax, ymax in pixels of the network input.
        classes: int32 [batch, M], 0-based, :data:`PADDING`, or :data:`IGNORED` or less.
        grid: The geometry.
        settings: Weights and thresholds.

    Returns:
        Scalars ``box``, ``objectness`` and ``class``, weighted; the loss is their sum. A true box
        without area counts as padding. Gradients are finite for every finite ``raws``.
    """
    sizes = boxes[..., 2:] - boxes[..., :2]
    present = (classes != PADDING) & (tf.reduce_min(sizes, axis=-1) > 0)
    real = present & (classes >= 0)
    responsible = _responsible(sizes, real, grid, settings.assign_iou)
    beside = _BESIDE if settings.neighbour_cells else _BESIDE[:1]
    terms = {"box": 0.0, "objectness": 0.0, "class": 0.0}
    own_cells = cells = tf.constant(0.0)
    for scale, raw in enumerate(raws):
        predicted = boxes_of(raw, grid, scale)
        at, inside = _cells(boxes, tf.shape(raw), grid.strides[scale], beside)
        index = _at_each_anchor(at, tf.shape(raw)[3])
        mine = tf.tile(responsible[:, :, scale], [1, len(beside), 1]) & inside[..., None]
        truth, labels = tf.tile(boxes, [1, len(beside), 1]), tf.tile(classes, [1, len(beside)])
        own_cells += tf.reduce_sum(tf.cast(responsible[:, :, scale], tf.float32))
        cells += tf.reduce_sum(tf.cast(mine, tf.float32))
        found = tf.gather_nd(predicted, index)
        goodness = _goodness(found, truth, settings.iou_objectness)
        terms["box"] += _box_term(found, truth, mine)
        terms["class"] += _class_term(
            tf.gather_nd(raw[..., 5:], index), labels, mine, settings.label_smoothing
        )
        terms["objectness"] += _objectness_term(
            raw[..., 4],
            *_targets(tf.shape(raw)[:-1], index, mine, goodness),
            _overlaps(predicted, boxes, real, present & ~real) > settings.ignore_iou,
        )
    return {
        "box": settings.box_weight * terms["box"] / tf.maximum(cells, 1.0),
        # By the boxes' own cells: with their neighbours, background would weigh a third.
        "objectness": settings.objectness_weight * terms["objectness"] / tf.maximum(own_cells, 1.0),
        "class": settings.class_weight * terms["class"] / tf.maximum(cells, 1.0),
    }


def _responsible(sizes: tf.Tensor, real: tf.Tensor, grid: Grid, assign_iou: float) -> tf.Tensor:
    """Tell which anchors answer for which true box: bool [batch, M, scales, anchors]."""
    anchors = np.array(grid.anchors, np.float32)  # [scales, anchors, 2]
    flat = anchors.reshape(-1, 2)
    common = tf.minimum(sizes[:, :, None, :], flat)
    intersection = tf.maximum(common[..., 0] * common[..., 1], 0.0)
    union = sizes[..., 0:1] * sizes[..., 1:2] + flat[:, 0] * flat[:, 1] - intersection
    overlap = intersection / tf.maximum(union, 1e-6)
    best = tf.one_hot(tf.argmax(overlap, axis=-1), len(flat), on_value=True, off_value=False)
    chosen = (best | (overlap > assign_iou)) & real[..., None]
    return tf.reshape(chosen, [*tf.unstack(tf.shape(sizes)[:2]), *anchors.shape[:2]])


def _cells(
    boxes: tf.Tensor, raw_shape: tf.Tensor, stride: int, beside: Sequence[tuple[int, int]]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Find the cells that answer for each box: the one of its centre, and those beside it.

    Returns:
        Column and row, int32 [batch, len(beside) * M, 2], all boxes of one direction after all of
        another; and whether there is such a cell, bool [batch, len(beside) * M].
    """
    centre = (boxes[..., :2] + boxes[..., 2:]) / (2 * stride)
    limit = raw_shape[2:0:-1] - 1  # width, height
    own = tf.clip_by_value(tf.cast(tf.floor(centre), tf.int32), 0, limit)
    # In the very middle of a cell none is nearer, and none could reach it: 0.
    nearer = tf.cast(tf.sign(centre - tf.cast(own, tf.float32) - 0.5), tf.int32)
    cells, there = [], []
    for step in beside:
        wanted = own + nearer * step
        cells.append(tf.clip_by_value(wanted, 0, limit))
        inside = tf.reduce_all(cells[-1] == wanted, axis=-1)
        there.append(inside & tf.reduce_any(wanted != own, axis=-1) if any(step) else inside)
    return tf.concat(cells, axis=1), tf.concat(there, axis=1)


def _at_each_anchor(cells: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """Index a prediction by image, row, column and anchor: int32 [batch, M, anchors, 4]."""
    image, _, anchor = tf.meshgrid(
        *(tf.range(size) for size in (tf.shape(cells)[0], tf.shape(cells)[1], anchors)),
        indexing="ij",
    )
    row = tf.broadcast_to(cells[..., None, 1], tf.shape(image))
    column = tf.broadcast_to(cells[..., None, 0], tf.shape(image))
    return tf.stack([image, row, column, anchor], axis=-1)


def _box_term(predicted: tf.Tensor, boxes: tf.Tensor, mine: tf.Tensor) -> tf.Tensor:
    truth = tf.broadcast_to(boxes[:, :, None, :], tf.shape(predicted))
    # Padding would divide zero by zero; a gradient of it would be NaN even when masked after.
    safe = tf.where(mine[..., None], truth, predicted + tf.constant([0.0, 0.0, 1.0, 1.0]))
    safe = tf.stop_gradient(safe)
    ciou = bounding_boxes.compute_ciou(
        tf.reshape(predicted, [-1, 4]), tf.reshape(safe, [-1, 4]), "xyxy"
    )
    return tf.reduce_sum(tf.where(tf.reshape(mine, [-1]), 1.0 - ciou, 0.0))


def _class_term(
    logits: tf.Tensor, classes: tf.Tensor, mine: tf.Tensor, smoothing: float
) -> tf.Tensor:
    low, high = smoothing / 2, 1 - smoothing / 2
    target = tf.one_hot(classes, logits.shape[-1], high, low)[:, :, None, :]
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.broadcast_to(target, tf.shape(logits)), logits=logits
    )
    return tf.reduce_sum(tf.where(mine, tf.reduce_sum(entropy, axis=-1), 0.0))


def _goodness(predicted: tf.Tensor, truth: tf.Tensor, share: float) -> tf.Tensor:
    """Return what the objectness of a box's predictions should be: [batch, M, anchors].

    Args:
        predicted: [batch, M, anchors, 4].
        truth: [batch, M, 4].
        share: Of their IoU in it, the rest being 1.
    """
    if not share:
        return tf.ones(tf.shape(predicted)[:-1])
    shape = tf.shape(predicted)[:-1]
    ones = tf.reshape(tf.stop_gradient(predicted), [-1, shape[2], 4])
    overlap = bounding_boxes.compute_iou(ones, tf.reshape(truth, [-1, 1, 4]), "xyxy")
    return 1 - share + share * tf.reshape(overlap, shape)


def _targets(
    shape: tf.Tensor, index: tf.Tensor, mine: tf.Tensor, goodness: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what each cell's and anchor's objectness should be, and which answer for a box."""
    where = tf.boolean_mask(index, mine)
    values = tf.boolean_mask(goodness, mine)
    targets = tf.tensor_scatter_nd_max(tf.zeros(shape), where, values)
    answers = tf.tensor_scatter_nd_max(tf.zeros(shape), where, tf.ones_like(values))
    return targets, answers > 0


def _overlaps(
    predicted: tf.Tensor, boxes: tf.Tensor, real: tf.Tensor, ignored: tf.Tensor
) -> tf.Tensor:
    """Return how far each prediction is no background, as a constant for the gradient.

    It is the largest IoU with a true box, or the largest share of it that lies in an ignored one:
    pycocotools measures so, since what is found in a crowd is much smaller than the crowd.
    """
    shape = tf.shape(predicted)[:-1]
    flat = tf.reshape(tf.stop_gradient(predicted), [shape[0], -1, 4])
    overlap = bounding_boxes.compute_iou(flat, boxes, "xyxy")
    overlap = tf.reduce_max(tf.where(real[:, None, :], overlap, 0.0), axis=-1)
    covered = tf.cond(
        tf.reduce_any(ignored),
        lambda: _coverage(flat, boxes, ignored),
        lambda: tf.zeros_like(overlap),
    )
    return tf.reshape(tf.maximum(overlap, covered), shape)


def _coverage(predicted: tf.Tensor, boxes: tf.Tensor, ignored: tf.Tensor) -> tf.Tensor:
    """Return the largest share of each prediction that lies in an ignored box: [batch, n]."""
    mine, theirs = predicted[:, :, None, :], boxes[:, None, :, :]
    sides = tf.minimum(mine[..., 2:], theirs[..., 2:]) - tf.maximum(mine[..., :2], theirs[..., :2])
    common = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    area = tf.reduce_prod(mine[..., 2:] - mine[..., :2], axis=-1)
    share = tf.math.divide_no_nan(common, tf.maximum(area, 0.0))
    return tf.reduce_max(tf.where(ignored[:, None, :], share, 0.0), axis=-1)


def _objectness_term(
    logits: tf.Tensor, target: tf.Tensor, answers: tf.Tensor, ignored: tf.Tensor
) -> tf.Tensor:
    counts = tf.cast(answers | ~ignored, tf.float32)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    return tf.reduce_sum(counts * entropy)
