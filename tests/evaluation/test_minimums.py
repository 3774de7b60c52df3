"""Stated minimums: what reaches them, what does not, and what is not shown."""

from __future__ import annotations

import numpy as np
import pytest

from export.errors import SettingsError
from export.evaluation import metrics, minimums
from export.evaluation.metrics import Figures


def figures(cats: int, dogs: int, wrong: int = 0) -> Figures:
    labels = np.repeat([0, 1], [cats, dogs])
    predicted = labels.copy()
    predicted[:wrong] = 1
    return metrics.measure(labels, predicted, ("cat", "dog"), seed=0)


def test_forty_photographs_do_not_show_ninety_per_cent() -> None:
    found = figures(20, 20, wrong=2)
    (low,) = minimums.check(found, 0.9, {}, "low")
    assert not low.met
    assert str(low).startswith("accuracy must reach 0.9, found 0.9500 [0.8")
    assert "more of them would tell" in str(low)
    (value,) = minimums.check(found, 0.9, {}, "value")
    assert value.met
    (many,) = minimums.check(figures(400, 400, wrong=40), 0.9, {}, "low")
    assert many.met


def test_what_is_below_is_said_to_be_below() -> None:
    (found,) = minimums.check(figures(100, 100, wrong=50), 0.9, {}, "low")
    assert str(found).endswith("it is below")


def test_a_withheld_f1_reaches_nothing_by_value() -> None:
    few = figures(20, 40)
    f1 = minimums.parse_f1(["0.9", "dog=0.5"])
    cat, dog = minimums.check(few, None, f1, "value")
    assert (cat.required, cat.met) == (0.9, False)
    assert "too few photographs to state a value" in str(cat)
    assert cat.to_json()["value"] is None
    assert (dog.required, dog.met) == (0.5, True)
    assert minimums.check(few, None, {"cat": 0.8}, "low")[0].met


@pytest.mark.parametrize("text", ["cat=much", "cat=1.2", "cat", "=-1"])
def test_a_minimum_must_be_a_share(text: str) -> None:
    with pytest.raises(SettingsError, match="CLASS=V or V with V between 0 and 1"):
        minimums.parse_f1([text])


def test_a_minimum_must_be_of_one_of_the_classes() -> None:
    with pytest.raises(SettingsError, match="names owl; the classes are cat, dog"):
        minimums.check(figures(3, 3), None, {"owl": 0.5}, "low")
