"""What is to be done next: arithmetic on settings and on the figures of what was done.

The rules are those of :class:`export.training.policy.PhasePolicy`. No TensorFlow here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from export.classifier.settings import ClassifierSettings
from export.training.outcome import Decision, FineTuning, Phase, Verdict
from export.training.policy import PhasePolicy

Epochs = Sequence[dict[str, float]]


@dataclass(frozen=True)
class Unfreezing:
    """A step of phase 2.

    Attributes:
        layers: Layers of the base that train, counted from its top.
        epochs: At most.
    """

    layers: int
    epochs: int


def losses(history: Epochs) -> list[float]:
    """Return the validation loss of each epoch."""
    return [epoch["val_loss"] for epoch in history]


def best_epoch(val_losses: Sequence[float]) -> int:
    """Return the position of the lowest loss; one that is no number is never the lowest."""
    return min(
        range(len(val_losses)),
        key=lambda epoch: val_losses[epoch] if math.isfinite(val_losses[epoch]) else math.inf,
    )


def decide(settings: ClassifierSettings, head: Phase, photographs: int) -> FineTuning:
    """Decide after phase 1 whether phase 2 starts.

    Args:
        settings: The run's settings.
        head: What phase 1 did.
        photographs: Number of validation photographs.

    Returns:
        The decision, without a verdict.
    """
    if not settings.fine_tune_epochs:
        return FineTuning(Decision.NOT_ASKED)
    val_losses = losses(head.history)
    accuracies = [epoch["val_accuracy"] for epoch in head.history]
    best = best_epoch(val_losses)
    missing = tuple(settings.policy.missing(val_losses, accuracies, best, photographs))
    if not missing:
        return FineTuning(Decision.STARTED)
    if settings.force_fine_tune:
        return FineTuning(Decision.FORCED, missing)
    reason = f"the head was not ready: {'; '.join(missing)}"
    return FineTuning(Decision.REFUSED, missing, reason=reason)


def unfreezings(policy: PhasePolicy, epochs: int, done: Epochs) -> Iterator[Unfreezing]:
    """Yield the steps of phase 2, each with its share of the epochs that are left.

    Args:
        policy: The rules.
        epochs: Most epochs of all steps together.
        done: The history of phase 2, which grows between the steps.
    """
    for position, layers in enumerate(policy.unfreezing):
        left = epochs - len(done)
        if not left:
            return
        yield Unfreezing(layers, math.ceil(left / (len(policy.unfreezing) - position)))


def judge(policy: PhasePolicy, head: Phase, top: Phase, photographs: int) -> tuple[Verdict, str]:
    """Say what phase 2 came to.

    Two rules decide, because they answer two questions. An accuracy below the frozen best beyond
    its confidence interval is *harm*: rolled back at once, and reported as such. Within the
    interval nobody can tell harm from chance, but "not proven worse" is no reason to publish the
    larger change: without a lower loss at no lower accuracy it was *no gain*, and the frozen
    weights, which the user would have had anyway, are kept.

    Args:
        policy: The rules.
        head: What phase 1 did.
        top: What phase 2 did.
        photographs: Number of validation photographs.

    Returns:
        The verdict and, unless phase 2 is kept, its reason with the figures.
    """
    if none := [
        str(top.first_epoch + position)
        for position, epoch in enumerate(top.history)
        if not all(map(math.isfinite, epoch.values()))
    ]:
        return Verdict.ROLLED_BACK, (
            f"rolled back: a figure of epoch {', '.join(none)} is not a number"
        )
    limit = policy.regression_limit(head.accuracy, photographs)
    lowest = min(epoch["val_accuracy"] for epoch in top.history)
    if lowest < limit:
        return Verdict.ROLLED_BACK, (
            f"rolled back: validation accuracy fell from {head.accuracy:.4f} to {lowest:.4f}, "
            f"below {limit:.4f}, the lower end of the {policy.confidence:.0%} "
            f"interval on {photographs} photographs"
        )
    if not (top.loss < head.loss and top.accuracy >= head.accuracy):
        return Verdict.NO_GAIN, (
            f"fine-tuning did not help: validation loss {head.loss:.4f} then {top.loss:.4f}, "
            f"accuracy {head.accuracy:.4f} then {top.accuracy:.4f}"
        )
    return Verdict.KEPT, ""
