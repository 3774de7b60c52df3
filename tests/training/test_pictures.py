"""The certain verdicts of the input guards are certain: right pictures pass, wrong code does not.

Right pictures are those of other people's libraries: Pillow's, scikit-image's and TensorFlow's
bicubic and lanczos resizes of real photographs, which go beyond black and white, and noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running import run_python

pytestmark = pytest.mark.tensorflow

SIDE = Path(__file__).with_name("pictures_side.py")


@pytest.fixture(scope="module")
def side() -> dict[str, Any]:
    ran = run_python(SIDE)
    assert ran.code == 0, ran.err
    return ran.result


def test_right_pictures_pass_by_whatever_filter_and_with_noise(side: dict[str, Any]) -> None:
    right = side["right"]
    assert right["overshoot"] > 20, "the filters went beyond black and white"
    assert right["asked"] >= 270
    assert right["refused"] == {}


def test_half_a_batch_in_another_range_is_caught(side: dict[str, Any]) -> None:
    halves = side["halves"]
    assert len(halves) == 20
    assert [name for name, said in halves.items() if not said] == []


@pytest.mark.parametrize("number", ["nan", "inf", "far"])
def test_one_value_that_is_none_is_caught(side: dict[str, Any], number: str) -> None:
    said = side["numbers"][number]
    assert ("not finite" if number != "far" else "No preprocessing known here") in said


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("gamma", "a curve (gamma), a threshold"),
        ("inverse gamma", "a curve (gamma), a threshold"),
        ("threshold", "a curve (gamma), a threshold"),
        ("few levels", "a curve (gamma), a threshold"),
        ("lower half", "differs by place within the picture"),
        ("one pixel", "differs by place within the picture"),
        ("half a batch", "otherwise by their place in the batch"),
        ("logarithm", "not finite"),
        ("nan in between", "not finite"),
        ("standardised", "the preprocessing does not give"),
    ],
)
def test_code_is_caught_that_treats_four_colours_rightly(
    side: dict[str, Any], fault: str, said: str
) -> None:
    assert said in side["code"][fault]


def test_the_functions_of_keras_are_what_they_are_said_to_be(side: dict[str, Any]) -> None:
    assert {name: said for name, said in side["official"].items() if said} == {}
