"""Accuracy, F1 and calibration with their intervals, held to what can be computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from export.evaluation import bootstrap, calibration, metrics


def test_the_figures_of_a_small_matrix_are_those_of_pen_and_paper() -> None:
    labels = np.repeat([0, 1, 2], [4, 3, 1])
    predicted = np.array([0, 0, 0, 1, 1, 1, 0, 2])
    figures = metrics.measure(labels, predicted, ("cat", "dog", "owl"), seed=0)
    assert figures.confusion.tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 1]]
    assert figures.accuracy.value == pytest.approx(6 / 8)
    assert figures.balanced_accuracy.value == pytest.approx((3 / 4 + 2 / 3 + 1) / 3)
    cat = figures.classes["cat"]
    assert (cat.precision.value, cat.recall.value, cat.f1.value) == pytest.approx((0.75,) * 3)
    assert figures.macro_f1.value == pytest.approx((3 / 4 + 2 / 3 + 1) / 3)


def test_the_figures_are_scikit_learns_and_lie_in_their_intervals() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 500)
    predicted = np.where(random.random(500) < 0.7, labels, random.integers(0, 4, 500))
    figures = metrics.measure(labels, predicted, "abcd", seed=0)
    for name, function in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        expected = function(labels, predicted, average=None)
        found = [getattr(of_class, name) for of_class in figures.classes.values()]
        assert [estimate.value for estimate in found] == pytest.approx(list(expected))
        assert all(e.low < e.value < e.high for e in found)
        assert all(e.high - e.low < 0.2 for e in found)


@pytest.fixture(scope="module")
def f1s() -> dict[str, Any]:
    """The F1 of a class of 29 photographs and of one of 30, all of them recognised."""
    labels = np.repeat([0, 1], [29, 30])
    figures = metrics.measure(labels, labels, ("few", "enough"), seed=0)
    return {name: of_class.to_json()["f1"] for name, of_class in figures.classes.items()}


def test_under_thirty_photographs_the_f1_is_withheld_and_its_interval_shown(
    f1s: dict[str, Any],
) -> None:
    few = f1s["few"]
    assert few["value"] is None
    assert few["withheld"] == "29 photographs, fewer than 30"
    assert few["interval"][1] == 1.0
    assert 0.85 < few["interval"][0] < 0.97


def test_from_thirty_photographs_the_f1_is_shown(f1s: dict[str, Any]) -> None:
    assert f1s["enough"]["value"] == 1.0
    assert "withheld" not in f1s["enough"]


def test_a_class_nobody_answered_has_no_precision_and_one_without_photographs_no_recall() -> None:
    figures = metrics.measure(np.array([0, 0, 1]), np.array([0, 0, 0]), ("a", "b", "c"), seed=0)
    b, c = (figures.classes[name].to_json() for name in "bc")
    assert b["precision"]["value"] is None
    assert b["recall"]["value"] == 0.0
    assert c["support"] == 0
    assert c["recall"] == {"value": None, "interval": [0.0, 1.0]}
    assert figures.balanced_accuracy.value == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_intervals() -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 2, (2, 80))
    one, again = (metrics.measure(labels, predicted, "ab", seed=7).to_json() for _ in range(2))
    assert one == again
    assert one != metrics.measure(labels, predicted, "ab", seed=8).to_json()


def test_all_right_is_not_certain_and_a_better_result_never_has_a_lower_bound() -> None:
    bounds = [bootstrap.proportion(right, 30, seed=0) for right in range(31)]
    lows, highs = [b.low for b in bounds], [b.high for b in bounds]
    assert lows == sorted(lows)
    assert highs == sorted(highs)
    assert 0.85 < bounds[30].low < 0.95  # Jeffreys: 0.921
    assert bounds[30].high == 1.0
    assert bounds[0].low == 0.0


def test_many_small_perfect_classes_do_not_look_bad() -> None:
    labels = np.repeat(np.arange(50), 5)
    figures = metrics.measure(labels, labels, [str(i) for i in range(50)], seed=0)
    assert figures.accuracy.low > 0.98  # 250 of 250: Jeffreys' lower end is 0.990
    assert figures.classes["0"].recall.low < 0.75  # 5 of 5


@pytest.mark.parametrize(("photographs", "accuracy"), [(40, 0.9), (200, 0.97)])
def test_the_intervals_hold_the_truth_as_often_as_they_say(
    photographs: int, accuracy: float
) -> None:
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        labels = np.arange(photographs) % 2
        predicted = np.where(random.random(photographs) < accuracy, labels, 1 - labels)
        found = metrics.measure(labels, predicted, "ab", seed).accuracy
        held += found.low <= accuracy <= found.high
    assert 0.9 <= held / 200 <= 0.99


@pytest.fixture(scope="module")
def promised() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes, and labels that come as often as these say; labels first."""
    random = np.random.default_rng(0)
    positive = random.uniform(0, 1, 4000)
    probabilities = np.stack([1 - positive, positive], axis=1)
    return (random.random(4000) < positive).astype(int), probabilities


def test_probabilities_that_keep_their_promise_are_calibrated(
    promised: tuple[np.ndarray, np.ndarray],
) -> None:
    good = calibration.measure(*promised, seed=0)
    assert good.expected_error.value < 0.03
    assert good.expected_error.low < 0.015  # what chance adds is taken out
    assert good.brier.value == pytest.approx(1 / 3, abs=0.03)  # 2 E[p (1 - p)], p uniform


def test_probabilities_that_are_too_sure_are_not_calibrated(
    promised: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, probabilities = promised
    sure = np.eye(2)[probabilities.argmax(axis=1)] * 0.98 + 0.01
    bad = calibration.measure(labels, sure, seed=0)
    assert bad.expected_error.value == pytest.approx(0.24, abs=0.02)  # sure at 0.99, right at 0.75
    assert bad.expected_error.low > 0.2
    (only,) = [b for b in bad.bins if b.photographs]
    assert only.confidence == pytest.approx(0.99)
    assert only.accuracy.low < 0.75 < only.accuracy.high
