"""Phase 2: the base is unfrozen from its top, step by step, and taken back where that did harm.

Each step computes the features below its own layers once, from those at the network's cut, and
trains on them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from export.classifier import model as models
from export.classifier.fitting import Fitted, History, Stage
from export.classifier.model import Assembly
from export.classifier.outcome import Phase
from export.classifier.run import Run, losses

log = logging.getLogger(__name__)

_FROZEN_FILE = "frozen.weights.h5"


def fine_tune(run: Run, head: Phase) -> tuple[Phase, bool, str]:
    """Unfreeze step by step.

    Two rules decide what is kept, because they answer two questions. An accuracy below the frozen
    best beyond its confidence interval is *harm*: rolled back at once, and reported as such. Within
    the interval nobody can tell harm from chance, but "not proven worse" is no reason to publish
    the larger change: without a lower loss at no lower accuracy the frozen weights, which the user
    would have had anyway, are *kept*. Either way they come from the same checkpoint.

    Args:
        run: With its head trained.
        head: What phase 1 did.

    Returns:
        The phase, whether it was rolled back, and why it was not kept (empty: it was).
    """
    settings, classifier, policy = run.settings, run.classifier, run.settings.policy
    frozen_file = run.fitter.work.write(_FROZEN_FILE, classifier.model.save_weights)
    limit = policy.regression_limit(head.accuracy, len(run.split.validation))
    history: History = []
    steps: list[dict[str, Any]] = []
    seconds, best_loss, kept_layers, regressed = 0.0, head.loss, 0, False
    with run.guard.phase(2):
        for position, layers in enumerate(policy.unfreezing):
            left = settings.fine_tune_epochs - len(history)
            if not left:
                break
            before = classifier.model.get_weights()
            stage = Stage(
                f"top_{layers}",
                policy.learning_rate,
                math.ceil(left / (len(policy.unfreezing) - position)),
                _ends(run, best_loss, limit),
                len(head.history) + len(history),
            )
            fitted = _step(run, layers, stage)
            history += fitted.history
            seconds += fitted.seconds
            steps.append(
                {
                    "unfrozen_layers": layers,
                    "first_epoch": stage.first_epoch + 1,
                    "learning_rate": policy.learning_rate,
                }
            )
            regressed = any(epoch["val_accuracy"] < limit for epoch in fitted.history)
            improved = fitted.history[fitted.best]["val_loss"] < best_loss
            if regressed or not improved:
                classifier.model.set_weights(before)
                break
            best_loss, kept_layers = fitted.history[fitted.best]["val_loss"], layers
    frozen = len(classifier.base.layers) - (kept_layers or steps[-1]["unfrozen_layers"])
    phase = run.phase(2, "top", frozen, policy.learning_rate, history, seconds, head, tuple(steps))
    reason = _reason(run, head, phase, limit if regressed else None)
    if reason:
        log.warning("%s; the weights of phase 1 are restored", reason)
        classifier.model.load_weights(frozen_file)
    return phase, regressed, reason


def _step(run: Run, layers: int, stage: Stage) -> Fitted:
    classifier = run.classifier
    models.unfreeze_top(classifier.base, layers)
    log.info("phase 2: the head and the top %d layers, %d epochs at most", layers, stage.epochs)
    if not run.caches:
        model = Assembly(classifier.features, classifier.head, run.augmentation)
        return run.fit(model, run.split, stage)
    between = classifier.between(layers)
    split = run.split.map(between, run.memory) if between else run.split
    return run.fit(Assembly(classifier.above(layers), classifier.head), split, stage)


def _ends(
    run: Run, loss_before: float, limit: float
) -> Callable[[Sequence[dict[str, float]]], bool]:
    def ends(history: Sequence[dict[str, float]]) -> bool:
        return history[-1]["val_accuracy"] < limit or run.settings.policy.no_longer_improving(
            [loss_before, *losses(history)]
        )

    return ends


def _reason(run: Run, head: Phase, top: Phase, limit: float | None) -> str:
    """Say why phase 2 is not kept; nothing when it is."""
    if limit is not None:
        lowest = min(epoch["val_accuracy"] for epoch in top.history)
        return (
            f"rolled back: validation accuracy fell from {head.accuracy:.4f} to {lowest:.4f}, "
            f"below {limit:.4f}, the lower end of the {run.settings.policy.confidence:.0%} "
            f"interval on {len(run.split.validation)} photographs"
        )
    if not (top.loss < head.loss and top.accuracy >= head.accuracy):
        return (
            f"fine-tuning did not help: validation loss {head.loss:.4f} then {top.loss:.4f}, "
            f"accuracy {head.accuracy:.4f} then {top.accuracy:.4f}"
        )
    return ""
