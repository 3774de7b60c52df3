"""A detector that has learnt nothing is not published in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from export.detector import gate
from export.gate import NotGoodEnoughError
from export.training.finished import Finished
from tests.kept import Kept
from tests.running import run_export


def check(accuracy: float, least: float | None) -> None:
    finished = Finished("detector", {}, ("a",), accuracy, {}, {}, ())
    gate.check(finished, least, Path("models/detector/.work-1"), Path("models"))


@pytest.mark.parametrize(
    ("accuracy", "least", "said"),
    [
        (0.3, 0.5, "the validation mAP@0.5 is 0.3000, below 0.5"),
        (0.0, 0.0, "the validation mAP@0.5 is 0.0000, as good as none"),
        (0.004, 0.001, "the validation mAP@0.5 is 0.0040, as good as none"),
        (float("nan"), 0.5, "the validation mAP@0.5 is nan, as good as none"),
    ],
)
def test_what_is_below_the_minimum_is_not_published(
    accuracy: float, least: float, said: str
) -> None:
    with pytest.raises(NotGoodEnoughError) as refused:
        check(accuracy, least)
    message = str(refused.value)
    assert message.startswith(f"nothing was published: {said}\n")
    assert "is kept in models/detector/.work-1; to publish it all the same: python" in message


@pytest.mark.parametrize("accuracy", [0.0, 0.004, float("nan")])
def test_without_a_minimum_nothing_learnt_is_said(
    accuracy: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    check(accuracy, None)
    assert "as good as none: nothing shows that it has learnt" in caplog.text


@pytest.mark.parametrize("least", [None, 0.5])
def test_what_is_good_enough_is_published_in_silence(
    least: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    check(0.5, least)
    assert not caplog.text


def test_a_training_below_the_minimum_is_kept_and_publishes_nothing(
    kept_detector: Kept, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    work = kept_detector.copy(models)
    ran = run_export(*kept_detector.arguments, f"--out={models}", "--min-map=0.999")
    assert (ran.code, ran.out) == (1, "")
    assert ", below 0.999" in ran.err and f"What was trained is kept in {work}" in ran.err
    assert [path.name for path in (models / "detector").iterdir()] == [work.name]
