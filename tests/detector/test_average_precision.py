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
