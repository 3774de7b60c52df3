"""The decision threshold: chosen on validation photographs, recorded, applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import SettingsError
from export.evaluation import threshold
from export.evaluation.cutoff import ThresholdError

CLASSES = ("cat", "dog")


def two(positive: list[float]) -> np.ndarray[Any, Any]:
    scores = np.array(positive, np.float32)
    return np.stack([1 - scores, scores], axis=1)


def choose(labels: Any, probabilities: Any, classes: Any = CLASSES, **more: Any) -> Any:
    return threshold.choose(
        np.array(labels),
        probabilities,
        classes,
        threshold.Purpose(**more),
        chosen_on={"version": 1},
        seed=0,
    )


def test_it_is_not_one_half_by_habit() -> None:
    # Dogs begin at 0.2, cats end at 0.1: the cut lies between, halfway in log-odds.
    found = choose([0, 0, 0, 1, 1, 1], two([0.01, 0.05, 0.1, 0.2, 0.6, 0.9]))
    assert found.value == pytest.approx(1 / 7, abs=1e-6)  # odds 1/9 and 1/4 give 1/6
    assert found.positive == "dog"
    assert found.decide(two([0.1, 0.2])).tolist() == [0, 1]
    assert found.chosen_on == {"part": "validation", "photographs": 6, "version": 1}


def test_youden_weighs_both_classes_the_same_and_f1_looks_at_the_positive_one() -> None:
    # Ten dogs among a hundred cats; every dog is above 0.3, and so are eight cats.
    cats = np.linspace(0.01, 0.29, 92).tolist() + np.linspace(0.31, 0.5, 8).tolist()
    dogs = np.linspace(0.305, 0.49, 5).tolist() + np.linspace(0.7, 0.9, 5).tolist()
    labels, probabilities = [0] * 100 + [1] * 10, two(cats + dogs)
    by_youden = choose(labels, probabilities)
    by_f1 = choose(labels, probabilities, rule="f1")
    assert 0.29 < by_youden.value <= 0.305  # all dogs, at the price of eight cats in a hundred
    assert by_f1.value > by_youden.value or by_f1.value == pytest.approx(by_youden.value)
    for found in (by_youden, by_f1):
        assert found.interval[0] <= found.value <= found.interval[1]


def test_it_is_the_best_cut_there_is() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 300)
    scores = 1 / (1 + np.exp(-random.normal(2.0 * labels - 1.5)))
    probabilities = two(scores.tolist())
    exact = probabilities[:, 1].astype(np.float64)

    def youden(cut: float) -> float:
        answered = exact >= cut
        return float(answered[labels == 1].mean() - answered[labels == 0].mean())

    def f1(cut: float) -> float:
        answered = exact >= cut
        return float(2 * (answered & (labels == 1)).sum() / (answered.sum() + (labels == 1).sum()))

    for rule, gain in (("youden", youden), ("f1", f1)):
        found = choose(labels, probabilities, rule=rule)
        assert gain(found.value) == pytest.approx(max(gain(cut) for cut in exact))


def test_the_other_class_can_be_the_positive_one() -> None:
    found = choose([0, 0, 1, 1], two([0.1, 0.2, 0.7, 0.9]), positive="cat")
    assert found.positive == "cat"
    assert 0.3 < found.value < 0.8
    assert found.decide(two([0.1, 0.9])).tolist() == [0, 1]


def test_probabilities_that_ran_into_one_can_still_be_cut() -> None:
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    found = choose([0, 0, 1, 1], two([0.0, below, 1.0, 1.0]))
    assert found.decide(two([below, 1.0])).tolist() == [0, 1]


def test_more_classes_withhold_answers_that_are_not_worth_giving() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(600, 3))
    labels = random.integers(0, 3, 600)
    logits[np.arange(600), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cheap, dear = (choose(labels, probabilities, "abc", withheld_cost=cost) for cost in (0.1, 0.6))
    right = probabilities.argmax(axis=1) == labels
    assert cheap.positive == ""
    assert cheap.decide(probabilities).tolist() == probabilities.argmax(axis=1).tolist()
    given = cheap.answers(probabilities)
    assert 0.05 < given.mean() < 0.9
    assert right[given].mean() > right.mean() + 0.05
    assert dear.answers(probabilities).mean() > given.mean()


def test_a_model_that_is_always_right_answers_everything() -> None:
    probabilities = np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1
    assert choose([0, 1, 2, 0], probabilities, "abc").value == 0.0


def test_it_goes_through_a_file_and_only_to_the_model_it_is_for(tmp_path: Path) -> None:
    chosen = choose([0, 0, 1, 1], two([0.1, 0.2, 0.7, 0.9]))
    file = tmp_path / "validation.json"
    file.write_text(json.dumps({"mode": "validation", "threshold": chosen.to_json()}))
    assert threshold.read(str(file), CLASSES) == chosen
    with pytest.raises(ThresholdError, match=r"for classes \['cat', 'dog'\], the model's are"):
        threshold.read(str(file), ("dog", "cat"))


def test_one_chosen_on_a_holdout_is_refused(tmp_path: Path) -> None:
    record = choose([0, 0, 1, 1], two([0.1, 0.2, 0.7, 0.9])).to_json()
    record["chosen_on"]["part"] = "holdout"
    file = tmp_path / "threshold.json"
    file.write_text(json.dumps(record))
    with pytest.raises(ThresholdError, match="'holdout'; only one chosen on validation"):
        threshold.read(str(file), CLASSES)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("1.5", SettingsError, "between 0 and 1, received 1.5"),
        ("nowhere.json", SettingsError, "a probability or a file, received nowhere.json"),
        ("broken.json", ThresholdError, "is no JSON"),
        ("other.json", ThresholdError, "holds no threshold; write one with"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    Path("other.json").write_text('{"accuracy": 1}')
    with pytest.raises(error, match=message):
        threshold.read(text, CLASSES)


def test_a_number_is_taken_as_it_is() -> None:
    given = threshold.read("0.3", CLASSES)
    assert (given.value, given.positive, given.rule) == (0.3, "dog", "given")
    assert threshold.read("0.3", CLASSES, positive="cat").positive == "cat"
    assert threshold.read("0.3", ("a", "b", "c")).positive == ""


def test_there_must_be_something_to_tell_apart() -> None:
    with pytest.raises(ThresholdError, match="photographs of both cat and dog"):
        choose([0, 0], two([0.1, 0.9]))
    with pytest.raises(ThresholdError, match="all 2 validation photographs have the probability"):
        choose([0, 1], two([0.5, 0.5]))
    with pytest.raises(SettingsError, match="must be one of cat, dog, got 'owl'"):
        choose([0, 1], two([0.1, 0.9]), positive="owl")
