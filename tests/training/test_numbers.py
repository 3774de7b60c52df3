"""Numbers that are none end a training at once; a guard that watches nothing says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running import run_python

pytestmark = pytest.mark.tensorflow

SIDE = Path(__file__).with_name("numbers_side.py")


@pytest.fixture(scope="module")
def side() -> dict[str, Any]:
    ran = run_python(SIDE)
    assert ran.code == 0, ran.err
    return ran.result


def test_a_training_that_goes_well_is_left_alone(side: dict[str, Any]) -> None:
    assert side["losses"]["right"] == {"error": None, "steps": 20, "epochs": 5}


@pytest.mark.parametrize(
    ("cause", "steps", "said"),
    [
        ("rate", None, "try a tenth of 1e+20"),
        ("inputs", 2, "loss nan in epoch 1, step 3"),
        ("validation", 4, "val_loss nan in epoch 1"),
    ],
)
def test_a_loss_that_is_no_number_ends_the_training_at_once(
    side: dict[str, Any], cause: str, steps: int | None, said: str
) -> None:
    found = side["losses"][cause]
    kind, message = found["error"]
    assert kind == "NotFiniteError"
    assert said in message
    assert "What usually does that: a learning rate that is too high" in message
    assert found["epochs"] == 0
    assert steps is None or found["steps"] == steps


def test_weights_that_are_no_numbers_are_seen_though_the_loss_is_one(side: dict[str, Any]) -> None:
    kind, message = side["losses"]["gradient"]["error"]
    assert kind == "NotFiniteError"
    assert "net are no longer finite after epoch 1, though the loss still is" in message


def test_weights_that_are_no_numbers_do_not_begin_to_train(side: dict[str, Any]) -> None:
    found = side["losses"]["weights"]
    kind, message = found["error"]
    assert (kind, found["steps"]) == ("NotFiniteError", 0)
    assert "out/kernel" in message and "before anything has trained" in message


def test_a_statistic_that_becomes_no_number_is_an_infinite_shift(side: dict[str, Any]) -> None:
    shifts = side["shifts"]
    assert shifts["nothing"] == 0
    for what in ("variance nan", "variance inf", "mean nan"):
        assert shifts[what] == "infinite", what


def test_what_was_no_number_before_is_not_moved(side: dict[str, Any]) -> None:
    shifts = side["shifts"]
    assert shifts["nan before"] == shifts["all nan before"] == 0
    assert shifts["nan before, the other moved"] == pytest.approx(1, abs=1e-3)


def test_a_guard_of_a_base_that_is_not_built_says_so_and_watches_from_then_on(
    side: dict[str, Any],
) -> None:
    found = side["nothing_to_watch"]["not built"]
    early, late = found["notes"]
    assert "small is not built yet" in early
    assert "1 BatchNormalization layers of small were built during phase 1" in late
    assert found["error"][0] == "BatchNormShiftError", "what phase 3 did is seen"


def test_a_guard_of_a_base_without_statistics_says_so(side: dict[str, Any]) -> None:
    found = side["nothing_to_watch"]["no norm"]
    assert found["layers"] == 0
    assert found["notes"] == ["small has no BatchNormalization layer: there is nothing to watch"]
    assert side["nothing_to_watch"]["normal"]["notes"] == []


def test_a_damaged_statistic_is_said_and_not_taken_for_a_shift(side: dict[str, Any]) -> None:
    found = side["nothing_to_watch"]["damaged"]
    assert found["error"] is None
    assert "statistics of n of small were not finite before anything trained" in found["notes"][0]


def test_small_shifts_of_several_phases_add_up(side: dict[str, Any]) -> None:
    found = side["several_phases"]
    first, second = found["errors"]
    assert first is None, "3 % alone is an alarm"
    assert second[0] == "BatchNormShiftError"
    assert "all phases up to 2 together" in second[1]
    assert found["shifts"]["2"]["n"] == pytest.approx(0.03, abs=1e-3)
    assert found["total"]["n"] == pytest.approx(0.06, abs=1e-3)
    assert len(found["alarms"]) == 2


def test_an_exception_in_a_phase_leaves_its_record_and_goes_on(side: dict[str, Any]) -> None:
    found = side["exception"]
    assert found["ended"] == "KeyboardInterrupt", "not the guard's own"
    assert found["shifts"]["1"]["n"] == pytest.approx(0.5, abs=1e-3)
    assert len(found["alarms"]) == 1
