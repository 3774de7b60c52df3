"""Training in two phases: first the head on a frozen base, then the top of the base with it.

The rules are those of :class:`export.training.policy.PhasePolicy`: whether the base is touched at
all, how much of it and how fast, and what happens when that did harm.

The frozen part is a fixed function of a photograph. Without augmentation its features are computed
once, while the photographs are read, below every layer that may ever train; the head, and each
unfreezing, computes its own features from those once more and trains on them: the same arithmetic,
minutes less.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from export.classifier import construction, planning
from export.classifier.beginning import Beginning
from export.classifier.fine_tuning import fine_tune
from export.classifier.fitting import Fitted, Stage
from export.classifier.model import Assembly, Classifier
from export.training.batch_norm import follow_within_an_epoch
from export.training.freezing import check_frozen
from export.training.outcome import Decision, FineTuning, Phase, Trained, Verdict

log = logging.getLogger(__name__)


def train(beginning: Beginning) -> Trained[Classifier]:
    """Train a classifier by the rules of its settings' policy.

    Args:
        beginning: What the training starts from; its network is what is trained.

    Returns:
        The classifier with its best weights.

    Raises:
        ExportError: A guard stopped it.
    """
    if not beginning.construction.is_pretrained:
        reason = "no pretrained weights: all layers trained from the start"
        return train_whole(beginning, FineTuning(Decision.NOT_ASKED, reason=reason))
    head = _head(beginning)
    photographs = len(beginning.data.split.validation)
    tuning = planning.decide(beginning.settings, head, photographs)
    if tuning.decision is Decision.REFUSED:
        log.warning(
            "phase 2 is refused, %s (--force-fine-tune starts it all the same)", tuning.reason
        )
    if tuning.decision not in {Decision.STARTED, Decision.FORCED}:
        return _trained(beginning, (head,), tuning)
    if tuning.decision is Decision.FORCED:
        log.warning("phase 2 is forced, though %s", "; ".join(tuning.missing))
    top, verdict, reason = fine_tune(beginning, head)
    phases = (head, top) if top else (head,)
    return _trained(beginning, phases, replace(tuning, verdict=verdict, reason=reason))


def train_whole(beginning: Beginning, tuning: FineTuning) -> Trained[Classifier]:
    """Train every layer from the start, at the head's learning rate.

    It never ends early: the BatchNorm statistics lag, and validation with them.

    Args:
        beginning: What the training starts from.
        tuning: Why there is no phase 2.
    """
    settings, built = beginning.settings, beginning.construction
    classifier = built.classifier
    classifier.base.trainable = True
    follow_within_an_epoch(
        classifier.base, len(beginning.data.split.training) // settings.batch_size
    )
    count = len(classifier.base.layers)
    log.info("one phase: all %d layers of %s train", count, classifier.base.name)
    model = Assembly(classifier.features, classifier.head, built.augmentation, pretrained=False)
    stage = Stage("all", settings.learning_rate, settings.epochs, lambda _: False)
    with beginning.guard.phase(1):
        fitted = beginning.fitter.fit(model, beginning.data.split, stage)
    return _trained(beginning, (_first_phase(beginning, "all", 0, fitted),), tuning)


def _head(beginning: Beginning) -> Phase:
    settings, built = beginning.settings, beginning.construction
    classifier, split = built.classifier, beginning.data.split
    count = len(classifier.base.layers)
    log.info("phase 1: the head; all %d layers of %s frozen", count, classifier.base.name)
    check_frozen(classifier.base)
    if beginning.caches:
        above = classifier.above(settings.policy.unfreezing[-1])
        split, model = split.map(above, beginning.memory), classifier.head
    else:
        model = Assembly(classifier.features, classifier.head, built.augmentation)
    stage = Stage(
        "head",
        settings.learning_rate,
        settings.epochs,
        lambda history: settings.policy.no_longer_improving(planning.losses(history)),
    )
    with beginning.guard.phase(1):
        fitted = beginning.fitter.fit(model, split, stage)
    return _first_phase(beginning, "head", count, fitted)


def _first_phase(beginning: Beginning, name: str, frozen_layers: int, fitted: Fitted) -> Phase:
    settings, best = beginning.settings, fitted.history[fitted.best]
    phase = Phase(
        number=1,
        name=name,
        frozen_layers=frozen_layers,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        accuracy=best["val_accuracy"],
        loss=best["val_loss"],
        kept_epoch=fitted.best + 1,
        seconds=round(fitted.seconds, 2),
        history=tuple(fitted.history),
        resumed_after=fitted.resumed_after,
    )
    log.info("phase 1: accuracy %.4f, loss %.4f on validation", phase.accuracy, phase.loss)
    return phase


def _trained(
    beginning: Beginning, phases: tuple[Phase, ...], tuning: FineTuning
) -> Trained[Classifier]:
    """Put the outcome together."""
    settings, built = beginning.settings, beginning.construction
    distribution = beginning.fitter.distribution
    notes = list(beginning.memory.notes)
    if settings.augment:
        changes = ", ".join(settings.augment)
        notes.append(f"augmentation while training, not in the exported graph: {changes}")
    if resumed_after := max(phase.resumed_after for phase in phases):
        notes.append(f"interrupted and resumed after epoch {resumed_after}")
    classifier = built.classifier
    if distribution.kind != "none":
        came = distribution.to_json()
        notes.append(
            f"trained on {came['replicas']} replicas of {came['workers']} workers "
            f"({distribution.kind})"
        )
        classifier = construction.on_one_device(classifier, settings)
    return Trained(
        classifier,
        built.weights,
        phases,
        2 if tuning.verdict is Verdict.KEPT else 1,
        tuning,
        beginning.guard.to_json(),
        tuple(notes),
    )
