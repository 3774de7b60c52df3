"""Images and boxes on their way into the network: they move together, and reproducibly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Side = Any
Write = Callable[..., Path]


def test_letterbox_keeps_the_shape_and_centres(side: Side) -> None:
    image = np.full((30, 60, 3), 200, np.uint8)
    square = side("boxed", image, 96)
    assert square.shape == (96, 96, 3)
    assert (square[24:72] == 200).all()
    assert (square[:24] == 127.5).all() and (square[72:] == 127.5).all()
    batch = side("boxed", np.stack([image, image]), 96)
    np.testing.assert_array_equal(batch, np.stack([square, square]))


@pytest.mark.parametrize(("height", "width"), [(480, 640), (333, 100), (1, 4000), (17, 17)])
def test_boxes_come_back_from_the_letterbox(side: Side, height: int, width: int) -> None:
    box = [0.1 * width, 0.2 * height, 0.7 * width, 0.9 * height]
    found = side("there_and_back", box, height, width, 416)
    np.testing.assert_allclose(found, box, rtol=1e-4, atol=1e-3)


def painted() -> tuple[np.ndarray, np.ndarray]:
    """Return a black square image with one white rectangle, and its box."""
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[20:36, 12:44] = 255
    return pixels, np.array([[12, 20, 44, 36]], np.float32)


def box_of_white(pixels: np.ndarray) -> list[int]:
    rows, columns = np.nonzero((pixels > 200).all(axis=-1))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("flips", "expected"),
    [
        ((False, False), [12, 20, 44, 36]),
        ((True, False), [20, 20, 52, 36]),
        ((False, True), [12, 28, 44, 44]),
        ((True, True), [20, 28, 52, 44]),
    ],
)
def test_a_flip_moves_pixels_and_boxes_together(
    side: Side, flips: tuple[bool, bool], expected: list[int]
) -> None:
    pixels, boxes = side("flipped", *painted(), *flips)
    assert boxes.tolist() == [expected] == [box_of_white(pixels)]


def mirrored(pixels: np.ndarray) -> tuple[bool, bool]:
    """Tell on which side of its box the red is, and on which the blue: mirrored or not."""
    rows, columns = np.nonzero(pixels[..., 1] < pixels.max(axis=-1) * 0.7)
    red = pixels[rows, columns, 0] > pixels[rows, columns, 2]
    assert red.any() and (~red).any()
    return (
        bool(columns[red].mean() > columns[~red].mean()),
        bool(rows[red].mean() > rows[~red].mean()),
    )


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("none", {(False, False)}),
        ("horizontal", {(False, False), (True, False)}),
        ("both", {(False, False), (True, False), (False, True), (True, True)}),
    ],
)
def test_only_the_allowed_mirror_images_are_drawn(
    side: Side, mirror: str, expected: set[tuple[bool, bool]]
) -> None:
    pixels = np.full((64, 64, 3), 127.0, np.float32)
    pixels[20:28, 20:28] = (255, 0, 0)  # above and to the left of the blue
    pixels[36:44, 36:44] = (0, 0, 255)
    boxes = np.array([[20, 20, 44, 44]], np.float32)
    seen = {mirrored(side("random_change", pixels, boxes, n, mirror=mirror)[0]) for n in range(40)}
    assert seen == expected


@pytest.mark.parametrize(
    ("scale", "shift"),
    [(1.0, [8.0, -4.0]), (1.5, [0.0, 0.0]), (0.5, [3.0, 5.0]), (1.25, [-6.0, 9.0])],
)
def test_scaling_moves_pixels_and_boxes_together(
    side: Side, scale: float, shift: list[float]
) -> None:
    pixels, boxes, classes = side("moved", *painted(), np.array([3]), scale, shift)
    assert classes.tolist() == [3]
    np.testing.assert_allclose(boxes[0], box_of_white(pixels), atol=1.0)


def four_images() -> tuple[np.ndarray, ...]:
    """Return four letterboxed images, where they lie, their boxes and classes.

    Wide, high, square and a small strip; each of a value of its own, with brighter boxes.
    """
    places = np.array(
        [[0, 8, 64, 56], [12, 0, 52, 64], [0, 0, 64, 64], [0, 20, 64, 44]], np.float32
    )
    pixels = np.full((4, 64, 64, 3), 127.5, np.float32)
    boxes = np.zeros((4, 4, 4), np.float32)
    for image, (left, top, right, bottom) in enumerate(places.astype(int)):
        pixels[image, top:bottom, left:right] = 10 * image + 10
        corners = ((left + 2, top + 1), (right - 14, top + 1))
        lower = ((left + 2, bottom - 11), (right - 14, bottom - 11))
        for number, (x, y) in enumerate((*corners, *lower)):
            boxes[image, number] = x, y, x + 12, y + 10
            pixels[image, y : y + 10, x : x + 12] = 200 + 4 * image + number / 4
    return pixels, places, boxes, np.arange(16).reshape(4, 4)


def test_four_images_are_put_together_with_their_boxes(side: Side) -> None:
    """What is asked for is what is seen."""
    meetings = set()
    for seed in range(20):
        together, cut, kept = side("put_together", *four_images(), seed)
        assert together.shape == (64, 64, 3) and kept.shape == (16,)
        grey = together[..., 0]
        meetings.add((int((grey < 15).sum()), int(((grey > 15) & (grey < 25)).sum())))
        for number in range(16):
            rows, places = np.nonzero(grey == 200 + 4 * (number // 4) + number % 4 / 4)
            seen = len(rows) / 120
            assert (kept[number] == number) == (seen >= 0.3), (seed, number, seen)
            if kept[number] >= 0:
                extent = [places.min(), rows.min(), places.max() + 1, rows.max() + 1]
                assert cut[number].tolist() == extent
            else:
                assert kept[number] == -1
    assert len(meetings) > 5  # the point where they meet is another one each time


def test_no_border_of_a_letterbox_lies_between_images_that_are_put_together(side: Side) -> None:
    """As Darknet and YOLOv5 put them together: what is grey is at the outer border."""
    for seed in range(20):
        pixels, _, _ = side("put_together", *four_images(), seed)
        whose = np.where(pixels[..., 0] >= 200, pixels[..., 0] - 200, pixels[..., 0] * 0.4 - 4) // 4
        whose[pixels[..., 0] == 127.5] = -1
        assert set(np.unique(whose)) <= {-1, 0, 1, 2, 3}
        meeting = [
            (row, column)
            for row in range(63)
            for column in range(63)
            if whose[row : row + 2, column : column + 2].ravel().tolist() == [0, 1, 2, 3]
        ]
        assert len(meeting) == 1


@pytest.mark.parametrize(("height", "width"), [(480, 640), (333, 100), (1, 4000), (17, 17)])
def test_an_image_lies_in_its_square_where_its_boxes_do(
    side: Side, height: int, width: int
) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    square = side("boxed", image, 96)
    left, top, right, bottom = map(int, side("place_of", height, width, 96))
    assert (square[top:bottom, left:right] == 200).all()
    assert (square == 200).sum() == 3 * (right - left) * (bottom - top)


def test_mosaics_are_made_of_the_share_that_is_asked_for(
    side: Side, write_voc: Write, tmp_path: Path
) -> None:
    path = str(write_voc(tmp_path / "voc", count=12, seed=4, split=9))
    plain, none, all_of_them = (side("batches", path, 3, True, share) for share in (0.0, 1e-9, 1.0))
    for one, other in zip(plain, none, strict=True):
        most = one["classes"].shape[1]
        assert other["classes"].shape[1] == 4 * most
        np.testing.assert_array_equal(other["pixels"], one["pixels"])
        np.testing.assert_array_equal(other["boxes"][:, :most], one["boxes"])
        assert (other["classes"][:, most:] == -1).all()
    objects = [sum(int((b["classes"] >= 0).sum()) for b in epoch) for epoch in (none, all_of_them)]
    assert objects[1] > objects[0] / 2
    assert any((b["classes"][:, b["classes"].shape[1] // 4 :] >= 0).any() for b in all_of_them)


def test_the_weights_average_is_tensorflows(side: Side) -> None:
    """And it goes on from a checkpoint as if nothing had been; the weights are left as they are."""
    steps = np.random.default_rng(0).normal(size=(12, 3)).round(3).tolist()
    ours, theirs = side("averages", steps, 0.6)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert side("averages", steps, 0.0)[0] == pytest.approx(np.array(steps), rel=1e-6)


def test_the_rest_of_a_crowd_is_still_ignored(side: Side) -> None:
    """However little of it is left; what is out of sight is gone."""
    box, crowd = np.array([[0.0, 0.0, 64.0, 64.0]], np.float32), np.array([-2])
    for shift, kept in (52.0, -2), (64.0, -1):
        _, boxes, classes = side("moved", painted()[0], box, crowd, 1.0, [shift, 0.0])
        assert classes.tolist() == [kept]
        assert boxes.tolist() == [[shift, 0, 64, 64]]
    pixels, boxes = np.zeros((4, 64, 64, 3), np.float32), np.zeros((4, 1, 4), np.float32)
    places = np.array([[0, 0, 64, 64]] * 4, np.float32)
    boxes[:] = box
    for seed in range(5):
        _, _, classes = side("put_together", pixels, places, boxes, np.full((4, 1), -2), seed)
        assert classes.tolist() == [-2] * 4


def test_what_is_moved_out_of_sight_is_no_longer_asked_for(side: Side) -> None:
    _, boxes, classes = side("moved", *painted(), np.array([3]), 1.0, [60.0, 0.0])
    assert classes.tolist() == [-1]
    assert (boxes >= 0).all() and (boxes <= 64).all()


def test_the_seed_decides_the_augmentation(side: Side) -> None:
    one, same, other = (side("random_change", *painted(), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one[0], same[0])
    np.testing.assert_array_equal(one[1], same[1])
    assert not np.array_equal(one[0], other[0])
    assert one[0].min() >= 0 and one[0].max() <= 255


@pytest.mark.parametrize(("most", "smallest", "largest"), [(1.0, 1.0, 1.0), (1.2, 0.83, 1.2)])
def test_sizes_change_by_no_more_than_allowed(
    side: Side, most: float, smallest: float, largest: float
) -> None:
    pixels, boxes = painted()
    boxes[0] = (28, 28, 36, 36)  # never cut by the border
    sides = []
    for seed in range(20):
        xmin, _, xmax, _ = side("random_change", pixels, boxes, seed, max_scale=most)[1][0]
        sides.append((xmax - xmin) / 8)
    assert smallest - 0.01 <= min(sides) and max(sides) <= largest + 0.01
    assert max(sides) - min(sides) >= (largest - smallest) / 2


def test_training_batches_are_reproducible_and_change_each_epoch(
    side: Side, tmp_path: Path, write_voc: Write
) -> None:
    folder = str(write_voc(tmp_path / "voc", count=12))
    first, again = side("batches", folder, 1, True), side("batches", folder, 1, True)
    for one, two in zip(first, again, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    half = len(first) // 2
    assert not np.array_equal(first[0]["pixels"], first[half]["pixels"])
    assert {b["pixels"].shape[1:] for b in first} == {(64, 64, 3)}


def test_no_epoch_waits_for_the_tuner_of_the_one_before(
    side: Side, tmp_path: Path, write_voc: Write
) -> None:
    assert side("tuners", str(write_voc(tmp_path / "voc", count=8))) == [False, False]
