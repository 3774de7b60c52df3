"""The rules of two-phase training, as arithmetic."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from export.errors import NotFiniteError, SettingsError
from export.training.policy import PhasePolicy

# A head that learnt and then stood still for five epochs.
LOSSES = [0.7, 0.5, 0.35, 0.30, 0.299, 0.298, 0.299, 0.30, 0.301]
ACCURACIES = [0.6, 0.8, 0.88, 0.90, 0.90, 0.91, 0.90, 0.90, 0.90]
BEST = 5


def test_a_stable_head_lacks_nothing() -> None:
    assert PhasePolicy().missing(LOSSES, ACCURACIES, BEST) == []


@pytest.mark.parametrize(
    ("losses", "accuracies", "best", "figures"),
    [
        (
            LOSSES[:4],
            ACCURACIES[:4],
            3,
            ["validation loss was still improving after 4 epochs (lowest 0.3000"],
        ),
        (
            [*LOSSES[:4], 0.29, 0.28, 0.27, 0.26, 0.25],
            ACCURACIES,
            8,
            ["validation loss was still improving after 9 epochs (lowest 0.2500"],
        ),
        (
            [loss + 0.3 for loss in LOSSES],
            ACCURACIES,
            BEST,
            ["validation loss 0.5980, must be under 0.5"],
        ),
        (
            LOSSES,
            [a - 0.07 for a in ACCURACIES],
            BEST,
            ["validation accuracy 0.8400, must be over 0.85"],
        ),
        (
            LOSSES,
            [*ACCURACIES[:2], 1.0, *ACCURACIES[3:5], 0.86, *ACCURACIES[6:]],
            BEST,
            ["validation accuracy 0.8600, must be at least 0.9000 (90% of phase 1's best, 1.0000)"],
        ),
    ],
)
def test_an_unready_head_is_told_the_figures(
    losses: list[float], accuracies: list[float], best: int, figures: list[str]
) -> None:
    missing = PhasePolicy().missing(losses, accuracies, best)
    assert len(missing) == len(figures)
    for text, figure in zip(missing, figures, strict=True):
        assert text.startswith(figure)


def test_exactly_at_a_limit_is_not_beyond_it() -> None:
    flat = [0.5] * 6
    assert PhasePolicy().missing(flat, [0.85] * 6, 0) == [
        "validation loss 0.5000, must be under 0.5",
        "validation accuracy 0.8500, must be over 0.85",
    ]


NO_NUMBERS = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize("epoch", [0, 3, len(LOSSES) - 1])
def test_a_loss_that_is_no_number_is_never_ready_and_never_stands_still(
    number: float, epoch: int
) -> None:
    losses = [*LOSSES]
    losses[epoch] = number
    policy = PhasePolicy()
    assert policy.no_longer_improving(LOSSES)
    assert not policy.no_longer_improving(losses)
    (missing,) = policy.missing(losses, ACCURACIES, BEST)
    assert missing.startswith(f"validation loss or accuracy is not a number in epoch {epoch + 1}:")


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_an_accuracy_that_is_no_number_is_never_ready(number: float) -> None:
    accuracies = [*ACCURACIES[:-1], number]
    (missing,) = PhasePolicy().missing(LOSSES, accuracies, BEST)
    assert f"not a number in epoch {len(LOSSES)}" in missing
    with pytest.raises(NotFiniteError, match="is no number"):
        PhasePolicy().regression_limit(number, 100)


@pytest.mark.parametrize(
    ("accuracy", "photographs", "limit"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29;
    # the lower limits of the complementary shares follow from its upper ones.
    [
        (81 / 263, 263, 0.2553),
        (15 / 148, 148, 0.0624),
        (0.0, 20, 0.0),
        (1.0, 20, 1 - 0.1611),
        (28 / 29, 29, 1 - 0.1718),
    ],
)
def test_the_limit_of_a_regression_is_wilsons(
    accuracy: float, photographs: int, limit: float
) -> None:
    assert PhasePolicy().regression_limit(accuracy, photographs) == pytest.approx(limit, abs=5e-5)


def test_more_photographs_tell_a_smaller_regression() -> None:
    policy = PhasePolicy()
    assert policy.regression_limit(0.95, 50) < policy.regression_limit(0.95, 5000) < 0.95


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"unfreezing": ()}, "received nothing"),
        ({"unfreezing": (16,)}, "must start with 1 to 15 layers"),
        ({"unfreezing": (0, 20)}, "must start with 1 to 15 layers"),
        ({"unfreezing": (15, 15)}, "grow with every step"),
        ({"unfreezing": (15, 30, 51)}, "end at 50 at most, received 15, 30, 51"),
        ({"patience": 0}, "patience must be from 1 to 10000, received 0"),
        ({"min_val_accuracy": 1.1}, "min_val_accuracy must be from 0 to 1, received 1.1"),
        ({"max_val_loss": 0.0}, "max_val_loss must be above 0"),
        ({"min_improvement": -0.1}, "min_improvement must be 0 or more"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1"),
    ],
)
def test_rules_that_are_none_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        PhasePolicy(**rules)


@pytest.mark.parametrize("rate", [1e-5, 1e-4])
def test_ten_to_a_hundred_times_lower_is_allowed(rate: float) -> None:
    PhasePolicy(learning_rate=rate).check_rates(1e-3)


@pytest.mark.parametrize("rate", [9e-6, 2e-4, 1e-3])
def test_a_fine_tuning_rate_outside_of_that_is_refused(rate: float) -> None:
    with pytest.raises(SettingsError, match=r"from 1e-05 to 0\.0001, received"):
        PhasePolicy(learning_rate=rate).check_rates(1e-3)


def test_the_rules_are_saved_as_they_are() -> None:
    policy = PhasePolicy(unfreezing=(10, 20))
    saved = json.loads(json.dumps(policy.to_json()))
    assert PhasePolicy(**{**saved, "unfreezing": tuple(saved["unfreezing"])}) == policy
