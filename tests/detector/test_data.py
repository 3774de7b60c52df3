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
