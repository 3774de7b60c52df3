"""What a training does next: arithmetic on settings and figures, without TensorFlow."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from export.classifier import planning
from export.classifier.planning import Unfreezing
from export.classifier.settings import ClassifierSettings
from export.detector.planning import PhasePlan, plan
from export.detector.settings import DetectorSettings
from export.training.outcome import Decision, FineTuning, Phase, Verdict
from export.training.policy import PhasePolicy

POLICY = PhasePolicy()
PHOTOGRAPHS = 100


def phase(number: int, *epochs: tuple[float, float]) -> Phase:
    """Describe a phase by the validation loss and accuracy of its epochs."""
    history = tuple({"val_loss": loss, "val_accuracy": accuracy} for loss, accuracy in epochs)
    best = history[planning.best_epoch(planning.losses(history))]
    return Phase(
        number=number,
        name="head" if number == 1 else "top",
        frozen_layers=100,
        learning_rate=1e-3,
        batch_size=32,
        accuracy=best["val_accuracy"],
        loss=best["val_loss"],
        kept_epoch=1,
        seconds=1.0,
        history=history,
    )


STABLE = phase(1, *((0.2, 0.95),) * 7)
CLIMBING = phase(1, (0.9, 0.6), (0.6, 0.7))


@pytest.mark.parametrize(
    ("settings", "head", "decision"),
    [
        (ClassifierSettings(fine_tune_epochs=0), STABLE, Decision.NOT_ASKED),
        (ClassifierSettings(), STABLE, Decision.STARTED),
        (ClassifierSettings(), CLIMBING, Decision.REFUSED),
        (ClassifierSettings(force_fine_tune=True), CLIMBING, Decision.FORCED),
        (ClassifierSettings(force_fine_tune=True), STABLE, Decision.STARTED),
    ],
)
def test_whether_phase_2_starts(
    settings: ClassifierSettings, head: Phase, decision: Decision
) -> None:
    found = planning.decide(settings, head, PHOTOGRAPHS)
    assert found.decision is decision
    assert found.verdict is None
    assert bool(found.missing) == (decision in {Decision.REFUSED, Decision.FORCED})


def test_two_photographs_do_not_decide_about_fine_tuning() -> None:
    found = planning.decide(ClassifierSettings(), STABLE, 2)
    assert found.decision is Decision.REFUSED
    assert found.missing == (
        "2 validation photographs, must be at least 20: on fewer, one more or less decides",
    )
    assert planning.decide(ClassifierSettings(), STABLE, 20).decision is Decision.STARTED


def test_the_steps_share_the_epochs_that_are_left() -> None:
    done: list[dict[str, float]] = []
    steps = planning.unfreezings(PhasePolicy(unfreezing=(5, 10, 15)), 10, done)
    assert next(steps) == Unfreezing(5, 4)
    done += [{}] * 2  # it ended early
    assert next(steps) == Unfreezing(10, 4)
    done += [{}] * 4
    assert next(steps) == Unfreezing(15, 4)
    assert next(steps, None) is None


def test_a_step_without_epochs_is_no_step() -> None:
    done = [{}] * 2
    assert list(planning.unfreezings(PhasePolicy(unfreezing=(5, 10)), 2, done)) == []


@pytest.mark.parametrize(
    ("top", "verdict", "reason"),
    [
        (phase(2, (0.1, 0.96)), Verdict.KEPT, ""),
        (phase(2, (0.1, 0.95)), Verdict.KEPT, ""),
        (
            phase(2, (0.1, 0.96), (math.nan, 0.96)),
            Verdict.ROLLED_BACK,
            "rolled back: a figure of epoch 2 is not a number",
        ),
        (
            phase(2, (0.1, 0.96), (0.1, math.inf)),
            Verdict.ROLLED_BACK,
            "rolled back: a figure of epoch 2 is not a number",
        ),
        (
            phase(2, (0.2, 0.96)),
            Verdict.NO_GAIN,
            "fine-tuning did not help: validation loss 0.2000 then 0.2000, "
            "accuracy 0.9500 then 0.9600",
        ),
        (
            phase(2, (0.1, 0.94)),
            Verdict.NO_GAIN,
            "fine-tuning did not help: validation loss 0.2000 then 0.1000, "
            "accuracy 0.9500 then 0.9400",
        ),
        (
            phase(2, (0.1, 0.96), (0.9, 0.5)),
            Verdict.ROLLED_BACK,
            "rolled back: validation accuracy fell from 0.9500 to 0.5000, below 0.8882, the lower "
            "end of the 95% interval on 100 photographs",
        ),
    ],
)
def test_what_phase_2_came_to(top: Phase, verdict: Verdict, reason: str) -> None:
    assert planning.judge(POLICY, STABLE, top, PHOTOGRAPHS) == (verdict, reason)


@pytest.mark.parametrize(
    ("verdict", "rolled_back"),
    [(None, False), (Verdict.KEPT, False), (Verdict.NO_GAIN, False), (Verdict.ROLLED_BACK, True)],
)
def test_the_record_says_whether_it_was_rolled_back(
    verdict: Verdict | None, rolled_back: bool
) -> None:
    found = FineTuning(Decision.FORCED, ("patience",), verdict, "why").to_json()
    assert found == {
        "decision": "forced",
        "missing": ["patience"],
        "rolled_back": rolled_back,
        "reason": "why",
    }


def test_a_loss_that_is_no_number_is_never_the_best() -> None:
    assert planning.best_epoch([float("nan"), 0.5, float("inf"), 0.4]) == 3


def test_a_detector_has_the_phases_that_its_settings_ask_for() -> None:
    settings = DetectorSettings(
        epochs=3, fine_tune_epochs=2, minutes=1.0, learning_rate=1e-3, fine_tune_learning_rate=1e-4
    )
    head = PhasePlan(1, "head", 3, 1.0, 1e-3)
    assert plan(settings, pretrained=True) == (head, PhasePlan(2, "top", 2, 0.0, 1e-4, 1e-5))
    assert plan(settings, pretrained=False) == (PhasePlan(1, "whole", 3, 1.0, 1e-3),)
    assert plan(replace(settings, fine_tune_epochs=0), pretrained=True) == (head,)
