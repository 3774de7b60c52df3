"""Which phases a detector's training has: arithmetic on its settings, no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from export.detector.settings import DetectorSettings


@dataclass(frozen=True)
class PhasePlan:
    """What one phase is to do.

    Attributes:
        number: 1 or 2.
        name: ``head`` (neck and head), ``top`` (the backbone's top too) or ``whole``.
        epochs: At most.
        minutes: At most; 0 is no limit.
        learning_rate: Adam's highest.
        backbone_learning_rate: The same of the backbone's layers, where they have one of their own.
    """

    number: int
    name: str
    epochs: int
    minutes: float
    learning_rate: float
    backbone_learning_rate: float | None = None


def plan(settings: DetectorSettings, *, pretrained: bool) -> tuple[PhasePlan, ...]:
    """Return the phases in order.

    Args:
        settings: The run's settings.
        pretrained: Whether the backbone knows anything worth keeping. Where it does not, there is
            nothing to keep frozen: the whole network trains from the start.
    """
    first = PhasePlan(
        1,
        "head" if pretrained else "whole",
        settings.epochs,
        settings.minutes,
        settings.learning_rate,
    )
    if not pretrained or not settings.fine_tune_epochs:
        return (first,)
    top = PhasePlan(
        2,
        "top",
        settings.fine_tune_epochs,
        settings.fine_tune_minutes,
        settings.fine_tune_learning_rate,
        settings.backbone_learning_rate,
    )
    return first, top
