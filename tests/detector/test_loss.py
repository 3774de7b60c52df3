"""The loss against values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

# One scale, 2x2 cells of 32 pixels, one anchor of 32x32: all numbers fit on a napkin.
GRID = (64, (32,), (((32.0, 32.0),),))
PLAIN = {"box_weight": 1.0, "objectness_weight": 1.0, "class_weight": 1.0}
LN2 = math.log(2)

Side = Any


def terms(
    side: Side,
    raw: np.ndarray,
    boxes: list[list[float]],
    classes: list[int],
    **settings: float,
) -> dict[str, Any]:
    found: dict[str, Any] = side(
        "loss_terms", [raw], np.array([boxes], float), np.array([classes]), GRID,
        {**PLAIN, **settings},
    )  # fmt: skip
    return found


def zeros(classes: int = 2) -> np.ndarray:
    """Every cell predicts its own square, objectness and classes at one half."""
    return np.zeros((1, 2, 2, 1, 5 + classes), np.float32)


def test_a_perfect_box(side: Side) -> None:
    found = terms(side, zeros(), [[0, 0, 32, 32]], [1])
    assert found["box"] == pytest.approx(0, abs=1e-5)
    assert found["class"] == pytest.approx(2 * LN2)  # two classes, each at one half
    assert found["objectness"] == pytest.approx(4 * LN2)  # one cell is 1, three are 0


def test_ciou_of_a_shifted_box(side: Side) -> None:
    # Same size, moved by 8 to the right: IoU = 24·32 / (2·1024 - 768) = 0.6; the centres are 8
    # apart, the box around both is 40x32; no difference in aspect ratio.
    found = terms(side, zeros(), [[8, 0, 40, 32]], [0])
    assert found["box"] == pytest.approx(1 - (0.6 - 8**2 / (40**2 + 32**2)), abs=1e-5)


def test_ciou_of_another_aspect_ratio(side: Side) -> None:
    # Concentric, 32x32 against 16x32: IoU = 0.5, centres agree.
    v = 4 / math.pi**2 * (math.atan(1) - math.atan(0.5)) ** 2
    alpha = v / (1 - 0.5 + v)
    found = terms(side, zeros(), [[8, 0, 24, 32]], [0])
    assert found["box"] == pytest.approx(1 - (0.5 - alpha * v), abs=1e-5)


def test_objectness_ignores_a_good_prediction_of_a_cell_that_is_not_responsible(
    side: Side,
) -> None:
    # Two truths: one in cell (0, 0), one whose centre lies just over the border in cell (0, 1).
    boxes, classes = [[2.0, 0.0, 34.0, 32.0]], [0]
    raw = zeros()
    # The right-hand cell predicts 32 pixels further left (a sigmoid near 0 shifts by 16 only):
    raw[0, 0, 1, 0, 0] = -20.0  # its box is now [16, 0, 48, 32]; IoU with the truth 18/46 = 0.39
    strict = terms(side, raw, boxes, classes, ignore_iou=0.5)
    lenient = terms(side, raw, boxes, classes, ignore_iou=0.3)
    assert strict["objectness"] - lenient["objectness"] == pytest.approx(LN2, abs=1e-5)


def test_ignored_boxes_are_neither_object_nor_background(side: Side) -> None:
    nothing = terms(side, zeros(), [[0, 0, 0, 0]], [-1])
    ignored = terms(side, zeros(), [[0, 0, 32, 32]], [-2])
    assert (ignored["box"], ignored["class"]) == (0, 0)
    assert nothing["objectness"] - ignored["objectness"] == pytest.approx(LN2, abs=1e-5)


def test_what_lies_in_a_crowd_is_not_background(side: Side) -> None:
    """Each cell's prediction covers a quarter of the crowd: by IoU it would be background."""
    for kind in (-2, -3):
        assert terms(side, zeros(), [[0, 0, 64, 64]], [kind])["objectness"] == 0
    beside = terms(side, zeros(), [[0, 0, 64, 32]], [-2])["objectness"]
    assert beside == pytest.approx(2 * LN2)  # the lower two cells


def test_terms_are_means_over_responsible_cells(side: Side) -> None:
    one = terms(side, zeros(), [[0, 0, 32, 32]], [1])
    two = terms(side, zeros(), [[0, 0, 32, 32], [32, 32, 64, 64]], [1, 1])
    assert two["class"] == pytest.approx(one["class"])
    assert two["objectness"] == pytest.approx(one["objectness"] / 2)


def test_the_weights_weigh(side: Side) -> None:
    plain = terms(side, zeros(), [[8, 0, 40, 32]], [0])
    weighed = terms(
        side, zeros(), [[8, 0, 40, 32]], [0],
        box_weight=3.0, objectness_weight=0.5, class_weight=2.0,
    )  # fmt: skip
    for name, weight in (("box", 3.0), ("objectness", 0.5), ("class", 2.0)):
        assert weighed[name] == pytest.approx(weight * plain[name])


def test_each_box_goes_to_the_anchors_that_fit_it(side: Side) -> None:
    grid = (64, (32, 16), (((32.0, 32.0),), ((8.0, 8.0),)))
    raws = [np.zeros((1, 2, 2, 1, 6), np.float32), np.zeros((1, 4, 4, 1, 6), np.float32)]
    for box, scale in ([0, 0, 30, 30], 0), ([1, 1, 10, 10], 1):
        found = side(
            "loss_terms", raws, np.array([[box]], float), np.array([[0]]), grid,
            {**PLAIN, "assign_iou": 1.0},
        )  # fmt: skip
        touched = [bool(np.abs(g[..., 0:4]).sum()) for g in found["gradients"]]
        assert touched == [scale == 0, scale == 1]


@pytest.mark.parametrize(
    "boxes",
    [
        [[0, 0, 32, 32]],  # exactly what is predicted
        [[32, 0, 64, 32], [0, 0, 32, 32]],  # touching
        [[10, 10, 10, 40]],  # no width
        [[10, 10, 10, 10]],  # a point
        [[40, 40, 20, 20]],  # inside out
        [[0, 0, 1e-3, 1e-3]],
        [[-500, -500, 900, 900]],
        [[63.999, 63.999, 64, 64]],
        [[0, 0, 0, 0]],
    ],
)
@pytest.mark.parametrize("raw", [0.0, 60.0, -60.0])
def test_gradients_are_finite(side: Side, boxes: list[list[float]], raw: float) -> None:
    found = terms(side, zeros() + raw, boxes, [0] * len(boxes))
    assert all(np.isfinite(g).all() for g in found["gradients"])
    assert all(math.isfinite(found[name]) for name in ("box", "objectness", "class"))


def test_boxes_of_a_cell(side: Side) -> None:
    raw = zeros()
    raw[0, 1, 0, 0, :4] = [0, math.log(3), math.log(0.5), math.log(2)]
    box = side("decoded", raw, GRID, 0)[0, 1, 0, 0]
    # Centre: (0 + 0.5)·32 and (1 + 0.75)·32; size 16x64.
    np.testing.assert_allclose(box, [8, 24, 24, 88], atol=1e-4)


def test_a_centre_may_leave_its_cell_by_the_grids_sensitivity(side: Side) -> None:
    """Darknet's ``scale_x_y``: x · s - (s - 1) / 2 of a cell."""
    raw = zeros()
    raw[0, 0, 0, 0, :2] = [math.log(3), 20.0]
    x, y, *_ = side("decoded", raw, (*GRID, 1.5), 0)[0, 0, 0, 0] + 16
    assert (x, y) == (pytest.approx((0.75 * 1.5 - 0.25) * 32), pytest.approx(1.25 * 32))
    x, y, *_ = side("decoded", raw, (*GRID, 2.0), 0)[0, 0, 0, 0] + 16
    assert (x, y) == (pytest.approx(32), pytest.approx(1.5 * 32))


def test_cells_beside_the_centre_answer_for_it_too(side: Side) -> None:
    """The centre lies in the first cell's right and lower part: right and below are nearer."""
    boxes = [[4, 4, 36, 36]]
    alone = terms(side, zeros(), boxes, [0])["gradients"][0][0, :, :, 0]
    beside = terms(side, zeros(), boxes, [0], neighbour_cells=True)["gradients"][0][0, :, :, 0]
    taught = [
        [bool(np.abs(g[r, c, :4]).sum()) for r in (0, 1) for c in (0, 1)] for g in (alone, beside)
    ]
    assert taught == [[True, False, False, False], [True, True, True, False]]
    assert np.sign(beside[..., 4]).tolist() == [[-1, -1], [-1, 1]]  # more of it, or less


def test_a_neighbour_beyond_the_border_does_not_answer(side: Side) -> None:
    box = [[0, 0, 16, 16]]  # its nearer neighbours lie left of and above the first cell
    one = terms(side, zeros(), box, [0])
    both = terms(side, zeros(), box, [0], neighbour_cells=True)
    np.testing.assert_array_equal(both["gradients"][0], one["gradients"][0])


@pytest.mark.parametrize(("share", "target"), [(0.0, 1.0), (0.5, 0.8), (1.0, 0.6)])
def test_objectness_is_taught_how_well_a_box_lies(side: Side, share: float, target: float) -> None:
    # The shifted box's IoU is 0.6; the gradient of the cross-entropy is the sigmoid - the target.
    found = terms(side, zeros(), [[8, 0, 40, 32]], [0], iou_objectness=share)
    objectness = found["gradients"][0][0, :, :, 0, 4]
    np.testing.assert_allclose(objectness, [[0.5 - target, 0.5], [0.5, 0.5]], atol=1e-5)


def test_a_box_far_from_its_truth_is_still_looked_at(side: Side) -> None:
    """Its IoU is 0, and its cell is told so: it is not one whose answer does not count."""
    raw = zeros()
    raw[0, 0, 0, 0, 2:4] = -6.0  # a speck in the middle of its cell
    found = terms(side, raw, [[0, 0, 1, 1]], [0], iou_objectness=1.0)
    assert found["gradients"][0][0, 0, 0, 0, 4] == pytest.approx(0.5)


def test_smoothed_labels(side: Side) -> None:
    found = terms(side, zeros(), [[0, 0, 32, 32]], [1], label_smoothing=0.2)
    np.testing.assert_allclose(found["gradients"][0][0, 0, 0, 0, 5:], [0.5 - 0.1, 0.5 - 0.9])


def test_anchors_find_the_clusters(side: Side) -> None:
    random = np.random.default_rng(0)
    true = np.array([[10, 20], [60, 30], [100, 120]])
    sizes = np.concatenate([random.normal(shape, 1, (50, 2)) for shape in true])
    shapes, overlap = side("fit_anchors", sizes, 3, 0)
    np.testing.assert_allclose(shapes, true, atol=1)
    assert overlap > 0.9
    again, _ = side("fit_anchors", sizes, 3, 0)
    np.testing.assert_array_equal(shapes, again)


def test_anchors_of_a_single_shape_are_filled_up(side: Side) -> None:
    shapes, overlap = side("fit_anchors", [[10, 20]] * 5, 6, 0)
    assert len(np.unique(shapes, axis=0)) == 6
    assert overlap == pytest.approx(1)
