"""What a training came to: its phases, what became of fine-tuning, the trained network.

The same values for classifier and detector; what only one of them has stands in its own record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from export.weights import WeightsRecord

N = TypeVar("N")


@dataclass(frozen=True)
class Step:
    """One unfreezing in phase 2.

    Attributes:
        unfrozen_layers: Layers of the base that train from then on, counted from its top.
        first_epoch: Number of its first epoch, counted from 1 through both phases.
        learning_rate: Adam's from then on.
    """

    unfrozen_layers: int
    first_epoch: int
    learning_rate: float


@dataclass(frozen=True)
class Phase:
    """What one phase did.

    Attributes:
        number: 1 or 2.
        name: ``head``, ``top``, or where every layer trains from the start ``all`` (a classifier)
            and ``whole`` (a detector).
        frozen_layers: Layers of the base that did not train.
        learning_rate: Adam's highest.
        batch_size: Photographs a training step.
        accuracy: On the validation photographs, 0 to 1, of the weights that the phase kept: a
            classifier's share of right answers, a detector's mAP@0.5.
        kept_epoch: The epoch those weights are from, counted from 1 within the phase; 0 when no
            epoch improved on the weights that it began with.
        seconds: Its duration, the computation of features and what went before an interruption
            included.
        history: Per epoch, figure by name.
        first_epoch: Number of its first epoch, counted from 1 through both phases.
        loss: On the validation photographs, of the same weights; NaN where it is not measured.
        steps: The unfreezings of phase 2, in order; empty where all of it is one.
        resumed_after: Epochs, counted through both phases, that an earlier process had done when
            this one went on; 0 when it did not.
    """

    number: int
    name: str
    frozen_layers: int
    learning_rate: float
    batch_size: int
    accuracy: float
    kept_epoch: int
    seconds: float
    history: tuple[dict[str, float], ...]
    first_epoch: int = 1
    loss: float = math.nan
    steps: tuple[Step, ...] = ()
    resumed_after: int = 0


class Decision(StrEnum):
    """Whether phase 2 took place."""

    NOT_ASKED = "not asked"
    REFUSED = "refused"
    STARTED = "started"
    FORCED = "forced"


class Verdict(StrEnum):
    """What phase 2 came to."""

    KEPT = "kept"
    ROLLED_BACK = "rolled back"
    NO_GAIN = "no gain"


@dataclass(frozen=True)
class FineTuning:
    """What became of phase 2.

    Attributes:
        decision: ``refused``: the head was not ready. ``forced``: nor was it here, and the user
            insisted.
        missing: What the head lacked, with its figures.
        verdict: What phase 2 came to; None when there was none. ``rolled back``: it did harm that
            is not noise. ``no gain``: it was not worth a change. Either way the weights of phase 1
            were kept.
        reason: Why phase 2's weights were not kept, or why there was none; else empty.
    """

    decision: Decision
    missing: tuple[str, ...] = ()
    verdict: Verdict | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``run.json`` holds it."""
        return {
            "decision": str(self.decision),
            "missing": list(self.missing),
            "rolled_back": self.verdict is Verdict.ROLLED_BACK,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Trained(Generic[N]):
    """A trained network and how it came to be.

    Attributes:
        network: The network, with the weights that were kept.
        weights: What its base started from.
        phases: In order.
        kept_phase: Number of the phase whose weights were kept, those it began with included.
        fine_tuning: What became of phase 2.
        batch_norm: What the BatchNorm guard of the base saw, as ``run.json`` holds it.
        notes: What a reader of the figures should know.
    """

    network: N
    weights: WeightsRecord
    phases: tuple[Phase, ...]
    kept_phase: int
    fine_tuning: FineTuning
    batch_norm: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> Phase:
        """The phase whose weights were kept."""
        return self.phases[self.kept_phase - 1]

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the weights that were kept; a detector's is its mAP@0.5."""
        return self.kept.accuracy
