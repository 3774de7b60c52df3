"""What the loss teaches which cell, held to what YOLOv5 teaches.

``recorded/yolov5_targets.json`` says what was recorded and how. What a cell is taught shows in its
gradient: that of a cross-entropy is the sigmoid less the target, and only cells that answer for a
box have one for where their box lies.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RECORDED = json.loads((Path(__file__).parent / "recorded" / "yolov5_targets.json").read_text())
GRID = (
    RECORDED["image_size"],
    tuple(RECORDED["strides"]),
    tuple(tuple(map(tuple, scale)) for scale in RECORDED["anchors"]),
    2.0,  # YOLOv5's only sensitivity
)
SIZES = [GRID[0] // stride for stride in GRID[1]]
CLASSES = RECORDED["class_count"]
TOGETHER = RECORDED["together"]
SETTINGS = {
    "box_weight": 1.0,
    "objectness_weight": 1.0,
    "class_weight": 1.0,
    "assign_iou": RECORDED["assign_iou"],
    "ignore_iou": 1.0,  # YOLOv5 ignores nothing
    "neighbour_cells": True,
}
KINDS = ("concentric", "elsewhere")

Side = Any


def zeros() -> list[np.ndarray]:
    return [np.zeros((2, size, size, 3, 5 + CLASSES), np.float32) for size in SIZES]


def terms(side: Side, raws: list[np.ndarray], rows: list[dict[str, Any]], **settings: float) -> Any:
    """Ask for the loss of some of the recorded boxes."""
    most = max(sum(row["image"] == image for row in rows) for image in (0, 1))
    boxes, classes = np.zeros((2, most, 4)), np.full((2, most), -1)
    for image in (0, 1):
        for place, row in enumerate(row for row in rows if row["image"] == image):
            boxes[image, place], classes[image, place] = row["box"], row["class"]
    return side("loss_terms", raws, boxes, classes, GRID, {**SETTINGS, **settings})


def that_answer(found: Any, image: int) -> set[tuple[int, ...]]:
    """Return scale, row, column and anchor of what is taught where its box lies, in one image."""
    return {
        (scale, *map(int, at))
        for scale, gradient in enumerate(found["gradients"])
        for at in np.argwhere(np.abs(gradient[image, ..., :4]).sum(axis=-1))
    }


def elsewhere_than_true() -> list[np.ndarray]:
    """A box that is right already would be taught nothing."""
    random = np.random.default_rng(0)
    return [random.uniform(-1, 1, raw.shape).astype(np.float32) for raw in zeros()]


def predicted(kind: str) -> list[np.ndarray]:
    """Return raw outputs whose boxes lie where the recorded ones did."""
    raws = zeros()
    for (image, scale, *at), centre, size, objectness, classes in TOGETHER[kind]["predicted"]:
        anchor = GRID[2][scale][at[-1]]
        raws[scale][image, *at] = (
            *centre,
            *(math.log(side / of) for side, of in zip(size, anchor, strict=True)),
            objectness,
            *classes,
        )
    return raws


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def test_centres_lie_where_yolov5_puts_them(side: Side) -> None:
    raws = [raw[:1] for raw in zeros()]
    for (scale, *at), raw, _ in RECORDED["decoding"]:
        raws[scale][0, *at, :2] = raw
    boxes = [side("decoded", raw, GRID, scale) for scale, raw in enumerate(raws)]
    for (scale, *at), _, centre in RECORDED["decoding"]:
        box = boxes[scale][0, *at]
        np.testing.assert_allclose((box[:2] + box[2:]) / 2, centre, atol=1e-3)


@pytest.mark.parametrize("number", range(len(RECORDED["boxes"])))
def test_the_same_cells_answer_for_a_box(side: Side, number: int) -> None:
    row = RECORDED["boxes"][number]
    found = that_answer(terms(side, elsewhere_than_true(), [row]), row["image"])
    assert found == set(map(tuple, row["answers"]))
    assert not that_answer(terms(side, elsewhere_than_true(), [row]), 1 - row["image"])


def test_the_same_cells_answer_for_all_of_them(side: Side) -> None:
    found = terms(side, elsewhere_than_true(), RECORDED["boxes"])
    for image in (0, 1):
        rows = [row for row in RECORDED["boxes"] if row["image"] == image]
        assert that_answer(found, image) == {tuple(at) for row in rows for at in row["answers"]}


@pytest.mark.parametrize("number", range(len(RECORDED["ties"])))
def test_at_a_tie_one_more_neighbour_may_answer(side: Side, number: int) -> None:
    """On the far border of the first cell, the first is a neighbour here and not there."""
    row = RECORDED["ties"][number]
    found = that_answer(terms(side, elsewhere_than_true(), [row]), row["image"])
    theirs = set(map(tuple, row["answers"]))
    assert found >= theirs
    for scale, *at, _ in found - theirs:
        xmin, ymin, xmax, ymax = row["box"]
        centre = np.array([ymin + ymax, xmin + xmax]) / 2 / GRID[1][scale]
        own = np.minimum(centre // 1, SIZES[scale] - 1)
        step = (np.array(at) - own).tolist()
        assert sorted(map(abs, step)) == [0, 1]
        axis = step.index(1) if 1 in step else step.index(-1)
        assert (centre[axis], step[axis]) == (1, -1)


@pytest.mark.parametrize("smoothing", RECORDED["smoothed"])
def test_labels_are_smoothed_as_far(side: Side, smoothing: str) -> None:
    row = RECORDED["boxes"][0]
    high, low = RECORDED["smoothed"][smoothing]
    found = terms(side, zeros(), [row], label_smoothing=float(smoothing))
    for scale, *at in row["answers"]:
        gradient = found["gradients"][scale][row["image"], *at, 5:] * len(row["answers"])
        expected = [0.5 - (high if kind == row["class"] else low) for kind in range(CLASSES)]
        np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize("share", TOGETHER["gr"])
@pytest.mark.parametrize("kind", KINDS)
def test_objectness_is_taught_as_much(side: Side, kind: str, share: float) -> None:
    """Where a prediction lies about its box and has its shape.

    Elsewhere YOLOv5 teaches CIoU, which is lower (and 0 at the least), and this toolkit IoU.
    """
    raws, taught = predicted(kind), TOGETHER[kind]["taught"]
    found = terms(side, raws, RECORDED["boxes"], iou_objectness=share)
    # Objectness is divided by the boxes' own cells and anchors, without the neighbours.
    own = sum(len({(at[0], at[-1]) for at in row["answers"]}) for row in RECORDED["boxes"])
    expected = [np.zeros(raw.shape[:-1]) for raw in raws]
    for (image, scale, *at), iou, ciou, _, objectness in taught:
        theirs = objectness[TOGETHER["gr"].index(share)]
        ours = 1 - share + share * iou
        # Two boxes in one cell: YOLOv5 teaches the last of them.
        if sum(row[0] == [image, scale, *at] for row in taught) == 1:
            assert theirs == pytest.approx(1 - share + share * max(ciou, 0), abs=1e-5)
            assert kind == "elsewhere" or ours == pytest.approx(theirs, abs=1e-5)
        expected[scale][image, *at] = max(expected[scale][image, *at], ours)
    for raw, gradient, target in zip(raws, found["gradients"], expected, strict=True):
        learnt = sigmoid(raw[..., 4]) - gradient[..., 4] * own
        np.testing.assert_allclose(learnt, target, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_and_classes_cost_as_much(side: Side, kind: str) -> None:
    raws, taught = predicted(kind), TOGETHER[kind]["taught"]
    smoothing = TOGETHER["label_smoothing"]
    found = terms(side, raws, RECORDED["boxes"], label_smoothing=smoothing)
    assert found["box"] == pytest.approx(np.mean([1 - ciou for _, _, ciou, _, _ in taught]), 1e-4)
    wanted = [np.zeros((*raw.shape[:-1], CLASSES)) for raw in raws]
    for (image, scale, *at), _, _, classes, _ in taught:
        wanted[scale][image, *at] += sigmoid(raws[scale][image, *at, 5:]) - classes
    for gradient, pull in zip(found["gradients"], wanted, strict=True):
        np.testing.assert_allclose(gradient[..., 5:] * len(taught), pull, atol=1e-4)
