"""What a training came to: its phases, what became of fine-tuning, the trained network."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from export.classifier.model import Classifier
from export.classifier.photographs import Photographs
from export.training.resume import Work
from export.weights import WeightsRecord

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Phase:
    """What one phase did.

    Attributes:
        number: 1 or 2.
        name: ``head``, ``top``, or ``all`` (every layer from the start).
        frozen_layers: Layers of the base that did not train.
        learning_rate: Adam's.
        batch_size: Photographs a training step.
        first_epoch: Number of its first epoch, counted from 1 through both phases.
        accuracy: On the validation split, of the phase's best weights, 0 to 1.
        loss: Cross-entropy on the validation split, of the same weights.
        seconds: Its duration.
        history: Per epoch: loss, accuracy, val_loss, val_accuracy.
        steps: Of phase 2, each unfreezing: unfrozen_layers, first_epoch, learning_rate.
    """

    number: int
    name: str
    frozen_layers: int
    learning_rate: float
    batch_size: int
    first_epoch: int = 1
    accuracy: float = math.nan
    loss: float = math.nan
    seconds: float = 0.0
    history: tuple[dict[str, float], ...] = ()
    steps: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the phase as ``run.json`` holds it."""
        return asdict(self)


@dataclass(frozen=True)
class FineTuning:
    """What became of phase 2.

    Attributes:
        decision: ``started``, ``refused`` (the head was not ready), ``forced`` (nor was it here,
            and the user insisted) or ``not asked``.
        missing: What the head lacked, with its figures.
        rolled_back: Whether validation accuracy fell below the frozen best beyond its confidence
            interval, so that the frozen weights were restored.
        reason: Why phase 2's weights were not kept, or why there was none; else empty.
    """

    decision: str
    missing: tuple[str, ...] = ()
    rolled_back: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``run.json`` holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Trained:
    """A trained classifier and how it came to be.

    Attributes:
        classifier: The network, with the best weights of the phase that was kept.
        photographs: The data set.
        validation: Positions of the held-out photographs.
        weights: What the base started from.
        phases: In order.
        kept_phase: Number of the phase whose weights were kept.
        fine_tuning: What became of phase 2.
        data: Directory, fingerprint and split, as ``run.json`` holds them.
        pictures: Held-out photographs that golden requests are made of, uint8 [height, width, 3].
        work: The working directory; whoever has published removes it.
        batch_norm: What the BatchNorm guard saw, as ``run.json`` holds it.
        notes: What a reader of the figures should know.
    """

    classifier: Classifier
    photographs: Photographs
    validation: Array
    weights: WeightsRecord
    phases: tuple[Phase, ...]
    kept_phase: int
    fine_tuning: FineTuning
    data: dict[str, Any]
    pictures: tuple[Array, ...]
    work: Work
    batch_norm: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the weights that were kept."""
        return self.phases[self.kept_phase - 1].accuracy
