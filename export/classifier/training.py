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
from pathlib import Path

from export.classifier.fine_tuning import fine_tune
from export.classifier.fitting import Stage, best_epoch
from export.classifier.model import Assembly
from export.classifier.outcome import FineTuning, Phase, Trained
from export.classifier.photographs import Photographs
from export.classifier.run import OpenWork, Run, losses, prepare
from export.classifier.settings import ClassifierSettings
from export.training.batch_norm import BatchNormGuard
from export.training.distribution import Distribution
from export.training.freezing import check_frozen

log = logging.getLogger(__name__)


def train(
    settings: ClassifierSettings,
    photographs: Photographs,
    open_work: OpenWork,
    log_dir: Path | None = None,
    distribution: Distribution | None = None,
) -> Trained:
    """Train a classifier by the rules of ``settings.policy``.

    Args:
        settings: The run's settings.
        photographs: The data set, found but not read.
        open_work: From the run's identity to its working directory. A run that was interrupted
            there goes on after its last finished epoch.
        log_dir: Where TensorBoard's files go; None writes none.
        distribution: Who trains; None: this process, on one device. The workers of several need
            the same data and a working directory that all of them see.

    Returns:
        The classifier with its best weights.

    Raises:
        ExportError: A setting, the weights or the data set cannot work (before any training), or
            a guard stopped it.
        AlreadyTrained: An earlier process has trained all of this.
    """
    run = prepare(settings, photographs, open_work, log_dir, distribution)
    if run.weights.source == "none":
        only = _all_layers(run)
        reason = "no pretrained weights: all layers trained from the start"
        return run.trained((only,), 1, FineTuning("not asked", reason=reason))
    head = _head(run)
    if not settings.fine_tune_epochs:
        return run.trained((head,), 1, FineTuning("not asked"))
    missing = _missing(settings, head)
    if missing and not settings.force_fine_tune:
        reason = f"the head was not ready: {'; '.join(missing)}"
        log.warning("phase 2 is refused, %s (--force-fine-tune starts it all the same)", reason)
        return run.trained((head,), 1, FineTuning("refused", missing, reason=reason))
    if missing:
        log.warning("phase 2 is forced, though %s", "; ".join(missing))
    top, rolled_back, reason = fine_tune(run, head)
    tuning = FineTuning("forced" if missing else "started", missing, rolled_back, reason)
    return run.trained((head, top), 1 if reason else 2, tuning)


def train_all_layers(
    settings: ClassifierSettings, photographs: Photographs, open_work: OpenWork
) -> Trained:
    """Train every layer of a pretrained base from the start, at the head's learning rate.

    The mistake that the rules prevent, kept for ``python -m export experiment``, which measures
    what it costs. The command that publishes cannot do this.

    Args:
        settings: The run's settings; ``epochs`` are done in full.
        photographs: The data set, found but not read.
        open_work: From the run's identity to its working directory.

    Returns:
        The classifier with its best weights.
    """
    # No part of the base is frozen, so none has features that stay as they are.
    run = prepare(replace(settings, cache_features=False), photographs, open_work)
    # The alarm would end what is to be measured; the shift is on record all the same.
    run.guard = BatchNormGuard(run.classifier.base, learns=True)
    return run.trained((_all_layers(run),), 1, FineTuning("not asked"))


def _all_layers(run: Run) -> Phase:
    """Train everything at once. It never ends early: the statistics lag, and validation with them.

    With momentum 0.99 they need hundreds of steps, during which the validation loss says nothing.
    """
    settings, base = run.settings, run.classifier.base
    base.trainable = True
    log.info("one phase: all %d layers of %s train", len(base.layers), base.name)
    model = Assembly(
        run.classifier.features, run.classifier.head, run.augmentation, pretrained=False
    )
    stage = Stage("all", settings.learning_rate, settings.epochs, lambda _: False)
    with run.guard.phase(1):
        fitted = run.fit(model, run.split, stage)
    return run.phase(1, "all", 0, settings.learning_rate, fitted.history, fitted.seconds)


def _head(run: Run) -> Phase:
    settings, classifier, base = run.settings, run.classifier, run.classifier.base
    log.info("phase 1: the head; all %d layers of %s frozen", len(base.layers), base.name)
    check_frozen(base)
    if run.caches:
        split = run.split.map(classifier.above(settings.policy.unfreezing[-1]), run.memory)
        model = classifier.head
    else:
        split = run.split
        model = Assembly(classifier.features, classifier.head, run.augmentation)
    stage = Stage(
        "head",
        settings.learning_rate,
        settings.epochs,
        lambda history: settings.policy.no_longer_improving(losses(history)),
    )
    with run.guard.phase(1):
        fitted = run.fit(model, split, stage)
    rate = settings.learning_rate
    return run.phase(1, "head", len(base.layers), rate, fitted.history, fitted.seconds)


def _missing(settings: ClassifierSettings, head: Phase) -> tuple[str, ...]:
    val_losses = losses(head.history)
    accuracies = [epoch["val_accuracy"] for epoch in head.history]
    return tuple(settings.policy.missing(val_losses, accuracies, best_epoch(val_losses)))
