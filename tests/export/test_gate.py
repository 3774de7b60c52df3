"""What is published only on demand: no better than naming the largest class, or no number."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from export.classifier import gate
from export.training.finished import Finished


def trained(accuracy: float, share: float, photographs: int) -> Finished:
    baseline = {"class": "cat", "share": share, "photographs": photographs}
    record: dict[str, Any] = {"baseline": baseline, "notes": ["a note"]}
    return Finished("classifier", {}, ("cat", "dog"), accuracy, record, {}, ())


def check(finished: Finished, least: float | None = None, *, allowed: bool = False) -> None:
    gate.check(finished, least, Path("/work"), Path("/models"), allow_baseline=allowed)


@pytest.mark.parametrize(
    ("accuracy", "share", "photographs"),
    [(0.5, 0.5, 100), (0.55, 0.5, 100), (1.0, 0.5, 2), (0.95, 0.93, 100), (1.0, 1.0, 1000)],
)
def test_what_is_no_better_than_the_largest_class_is_refused_by_default(
    accuracy: float, share: float, photographs: int
) -> None:
    finished = trained(accuracy, share, photographs)
    with pytest.raises(gate.NotGoodEnoughError, match="--allow-baseline publishes it") as refused:
        check(finished)
    assert "python -m export publish /work --out /models" in str(refused.value)
    check(finished, allowed=True)
    (before, said) = gate.on_record(finished).record["notes"]
    assert before == "a note"
    assert said.startswith("published although always naming 'cat' is right on")


@pytest.mark.parametrize(("accuracy", "share", "photographs"), [(0.9, 0.5, 40), (1.0, 0.33, 6)])
def test_what_is_better_passes(accuracy: float, share: float, photographs: int) -> None:
    finished = trained(accuracy, share, photographs)
    check(finished)
    assert gate.on_record(finished) is finished


def test_a_minimum_holds_whatever_is_allowed() -> None:
    with pytest.raises(gate.NotGoodEnoughError, match=r"0\.9000, below 0\.95"):
        check(trained(0.9, 0.5, 100), 0.95, allowed=True)


@pytest.mark.parametrize("accuracy", [math.nan, math.inf])
def test_an_accuracy_that_is_no_number_is_never_published(accuracy: float) -> None:
    with pytest.raises(gate.NotGoodEnoughError, match="which is no number"):
        check(trained(accuracy, 0.5, 100), allowed=True)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_chance_alone_seldom_passes(share: float) -> None:
    """SciPy's binomial distribution says how often a model that knows nothing gets through."""
    for photographs in (2, 5, 10, 30, 100, 1000):
        passes = [
            right
            for right in range(photographs + 1)
            if not gate.no_better_than_baseline(trained(right / photographs, share, photographs))
        ]
        least = min(passes, default=photographs + 1)
        assert passes == [*range(least, photographs + 1)], "more right answers are never worse"
        assert stats.binom.sf(least - 1, photographs, share) < 0.025
        assert stats.binom.sf(least - 2, photographs, share) > 0.025, "and not stricter than that"


@pytest.mark.parametrize(("right", "count", "share"), [(0, 3, 0.2), (70, 100, 0.5), (5, 5, 0.9)])
def test_the_tail_of_the_binomial_distribution_is_scipys(
    right: int, count: int, share: float
) -> None:
    expected = stats.binom.sf(right - 1, count, share)
    assert gate.at_least(right, count, share) == pytest.approx(expected)
