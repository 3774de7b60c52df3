"""Mean average precision: by hand, and against pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

Side = Any
SQUARE = [10, 10, 30, 30]
ELSEWHERE = [60, 60, 90, 90]


def test_by_hand(side: Side) -> None:
    # Ranked: hit, miss, hit. Precision 1 up to recall 1/2 (51 of 101 points), then 2/3.
    truth = [([SQUARE, ELSEWHERE], [0, 0])]
    found = [([SQUARE, [40, 10, 55, 30], ELSEWHERE], [0, 0, 0], [0.9, 0.8, 0.7])]
    mean, each = side("precisions", truth, found, 1)
    assert mean == each[0] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_second_hit_is_a_miss(side: Side) -> None:
    truth = [([SQUARE, ELSEWHERE], [0, 0])]
    found = [([SQUARE, SQUARE], [0, 0], [0.9, 0.8])]
    assert side("precisions", truth, found, 1)[0] == pytest.approx(51 / 101)


def test_nothing_found_and_absent_classes(side: Side) -> None:
    mean, each = side("precisions", [([SQUARE], [0])], [([], [], [])], 2)
    assert mean == 0
    assert each[0] == 0 and np.isnan(each[1])


def test_agrees_with_pycocotools(side: Side) -> None:
    random = np.random.default_rng(4)
    truth, found = [], []
    for _ in range(25):
        count = int(random.integers(1, 7))
        low = random.uniform(0, 60, (count, 2))
        boxes = np.concatenate([low, low + random.uniform(8, 35, (count, 2))], axis=1)
        classes = random.integers(0, 3, count)
        seen = random.random(count) < 0.8
        guesses = boxes[seen] + random.normal(0, 2.0, (int(seen.sum()), 4))
        extra = random.uniform(0, 40, (3, 2))
        extra_boxes = np.concatenate([extra, extra + 20], axis=1)
        labels = np.concatenate([classes[seen], random.integers(0, 3, 3)])
        truth.append((boxes, classes))
        found.append((np.concatenate([guesses, extra_boxes]), labels, random.random(len(labels))))
    mean, each = side("precisions", truth, found, 3)
    theirs = side("coco_precisions", truth, found, 3)
    assert 0.2 < mean < 0.95
    assert theirs["map50"] == pytest.approx(mean, abs=1e-4)
    for value, row in zip(each, theirs["per_class"].values(), strict=True):
        assert row["ap50"] == pytest.approx(value, abs=1e-4)


def test_what_is_ignored_means_what_it_means_to_pycocotools(side: Side) -> None:
    """Crowds of a class take up any number of small detections of that class, and of no other."""
    random = np.random.default_rng(7)
    truth, found = [], []
    for _ in range(25):
        low = random.uniform(0, 30, (2, 2))
        crowds = np.concatenate([low, low + random.uniform(40, 65, (2, 2))], axis=1)
        low = random.uniform(0, 70, (4, 2))
        objects = np.concatenate([low, low + random.uniform(10, 28, (4, 2))], axis=1)
        classes = np.concatenate([[0, 1], random.integers(0, 3, 4)])
        guesses = objects + random.normal(0, 1.5, objects.shape)
        extra = random.uniform(0, 80, (6, 2))
        boxes = np.concatenate([guesses, np.concatenate([extra, extra + 15], axis=1)])
        labels = np.concatenate([classes[2:], random.integers(0, 3, 6)])
        truth.append((np.concatenate([crowds, objects]), classes, [True, True, *[False] * 4]))
        found.append((boxes, labels, random.random(len(labels))))
    _, each = side("precisions", truth, found, 3)
    theirs = side("coco_precisions", truth, found, 3)["per_class"]
    assert [row["ap50"] for row in theirs.values()] == pytest.approx(each, abs=1e-4)
    # And it matters: without crowds, what lies in them is wrong.
    _, without = side("precisions", [(b[2:], c[2:]) for b, c, _ in truth], found, 3)
    assert without[0] < each[0] - 0.02 and without[1] < each[1] - 0.02
    assert without[2] == each[2]


def test_as_many_detections_count_as_a_version_answers(side: Side) -> None:
    cells = [[x, y, x + 4, y + 4] for x in range(0, 100, 5) for y in range(0, 100, 5)]
    truth = [(cells, [0] * len(cells))]
    found = [(cells, [0] * len(cells), np.linspace(1, 0.5, len(cells)))]
    assert len(cells) == 400
    assert side("coco_precisions", truth, found, 1)["map50"] == pytest.approx(0.25, abs=0.01)
    assert side("coco_precisions", truth, found, 1, 400)["map50"] == 1
    assert side("coco_precisions", truth, found, 1, 300)["map50"] == pytest.approx(0.75, abs=0.01)
    assert side("coco_precisions", truth, found, 1, 5)["map50"] == pytest.approx(0.0198, abs=1e-3)
