"""Phase 2: the base is unfrozen from its top, step by step, and taken back where that did harm.

Each step computes the features below its own layers once, from those of its feature layer, and
trains on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from export.classifier import model as models
from export.classifier import planning
from export.classifier.beginning import Beginning
from export.classifier.fitting import Fitted, History, Stage
from export.classifier.model import Assembly
from export.classifier.planning import Epochs
from export.errors import NotFiniteError
from export.training.outcome import Phase, Step, Verdict

log = logging.getLogger(__name__)

_FROZEN_FILE = "frozen.weights.h5"


def fine_tune(beginning: Beginning, head: Phase) -> tuple[Phase | None, Verdict, str]:
    """Unfreeze step by step, then keep or restore.

    Args:
        beginning: With its head trained.
        head: What phase 1 did.

    Returns:
        The phase (None where a loss was not a number, so that it has no figures), what it came to
        by :func:`export.classifier.planning.judge`, and why it was not kept (empty: it was).
    """
    settings, classifier = beginning.settings, beginning.construction.classifier
    photographs = len(beginning.data.split.validation)
    frozen_file = beginning.work.write(_FROZEN_FILE, classifier.model.save_weights)
    try:
        top = _unfreeze(beginning, head)
    except NotFiniteError as err:
        # Harm like any other, and the head is as good as it was.
        log.warning("phase 2 is rolled back: %s; the weights of phase 1 are restored", err)
        classifier.model.load_weights(frozen_file)
        return None, Verdict.ROLLED_BACK, f"rolled back: {err}"
    log.info("phase 2: accuracy %.4f, loss %.4f on validation", top.accuracy, top.loss)
    verdict, reason = planning.judge(settings.policy, head, top, photographs)
    if verdict is not Verdict.KEPT:
        log.warning("%s; the weights of phase 1 are restored", reason)
        classifier.model.load_weights(frozen_file)
    return top, verdict, reason


def _unfreeze(beginning: Beginning, head: Phase) -> Phase:
    settings, classifier = beginning.settings, beginning.construction.classifier
    policy = settings.policy
    limit = policy.regression_limit(head.accuracy, len(beginning.data.split.validation))
    history: History = []
    steps: list[Step] = []
    seconds, best_loss, kept_layers, resumed_after = 0.0, head.loss, 0, 0
    with beginning.guard.phase(2):
        for unfreezing in planning.unfreezings(policy, settings.fine_tune_epochs, history):
            before = classifier.model.get_weights()
            stage = Stage(
                f"top_{unfreezing.layers}",
                policy.learning_rate,
                unfreezing.epochs,
                _ends(beginning, best_loss, limit),
                len(head.history) + len(history),
            )
            fitted = _fit(beginning, unfreezing.layers, stage)
            history += fitted.history
            seconds += fitted.seconds
            if fitted.resumed_after:
                resumed_after = stage.first_epoch + fitted.resumed_after
            steps.append(Step(unfreezing.layers, stage.first_epoch + 1, policy.learning_rate))
            regressed = any(epoch["val_accuracy"] < limit for epoch in fitted.history)
            loss = fitted.history[fitted.best]["val_loss"]
            if regressed or not loss < best_loss:
                classifier.model.set_weights(before)
                break
            best_loss, kept_layers = loss, unfreezing.layers
    best = planning.best_epoch(planning.losses(history))
    return Phase(
        number=2,
        name="top",
        frozen_layers=len(classifier.base.layers) - (kept_layers or steps[-1].unfrozen_layers),
        learning_rate=policy.learning_rate,
        batch_size=settings.batch_size,
        accuracy=history[best]["val_accuracy"],
        loss=history[best]["val_loss"],
        kept_epoch=best + 1,
        seconds=round(seconds, 2),
        history=tuple(history),
        first_epoch=1 + len(head.history),
        steps=tuple(steps),
        resumed_after=resumed_after,
    )


def _fit(beginning: Beginning, layers: int, stage: Stage) -> Fitted:
    built, split, fit = beginning.construction, beginning.data.split, beginning.fitter.fit
    classifier = built.classifier
    models.unfreeze_top(classifier.base, layers)
    log.info("phase 2: the head and the top %d layers, %d epochs at most", layers, stage.epochs)
    if not beginning.caches:
        return fit(Assembly(classifier.features, classifier.head, built.augmentation), split, stage)
    if between := classifier.between(layers):
        split = split.map(between, beginning.memory)
    return fit(Assembly(classifier.above(layers), classifier.head), split, stage)


def _ends(beginning: Beginning, loss_before: float, limit: float) -> Callable[[Epochs], bool]:
    def ends(history: Epochs) -> bool:
        improving = [loss_before, *planning.losses(history)]
        return history[-1]["val_accuracy"] < limit or (
            beginning.settings.policy.no_longer_improving(improving)
        )

    return ends
