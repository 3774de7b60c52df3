"""Training in two phases: neck and head on a frozen backbone, then the backbone's top with them.

While the head is new, its errors are large, and gradients of that size would destroy what the
backbone knows. So the backbone's top trains only afterwards, at a hundredth of the rate. In phase 1
the backbone is a fixed function of an image: its features are computed once, of each image and of
its mirror images, and each epoch pays for the head alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.detector import feeding
from export.detector import model as models
from export.detector.beginning import Beginning
from export.detector.fitting import Fitter
from export.detector.model import Detector
from export.detector.planning import PhasePlan, plan
from export.detector.progress import Done
from export.giving_back import give_back
from export.training.batch_norm import BatchNormGuard, follow_within_an_epoch
from export.training.freezing import check_frozen
from export.training.memory import halving_of
from export.training.outcome import Decision, FineTuning, Phase, Trained, Verdict
from export.training.set_aside import assign
from export.training.work import Work

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def train(beginning: Beginning, work: Work, log_dir: Path | None = None) -> Trained[Detector]:
    """Train a detector.

    Args:
        beginning: What the training starts from; its network is what is trained.
        work: Where it leaves checkpoints. What an earlier process did there is not done again.
        log_dir: Where TensorBoard's files go, one folder a phase; None writes none.

    Returns:
        The detector with the weights that the settings keep.

    Raises:
        ExportError: A guard stopped it.
    """
    guard = BatchNormGuard(beginning.detector.backbone, learns=not beginning.is_pretrained)
    memory = halving_of(work, beginning.settings.batch_size)
    fitter = Fitter(beginning, guard, memory, log_dir, work)
    phases: list[Phase] = []
    for planned in plan(beginning.settings, pretrained=beginning.is_pretrained):
        first_epoch = 1 + sum(len(phase.history) for phase in phases)
        phases.append(_phase(fitter, planned, first_epoch))
        give_back()  # the phase's optimiser
    return Trained(
        beginning.detector,
        beginning.weights,
        tuple(phases),
        len(phases),
        _fine_tuning(beginning, phases),
        guard.to_json(),
        tuple(fitter.memory.notes),
    )


def largest_change(before: Iterable[Array], network: Any) -> float:
    """Return the largest absolute change of a network's weights.

    Args:
        before: What ``network.weights`` held earlier.
        network: A Keras model.
    """
    pairs = zip(network.weights, before, strict=True)
    return max(float(np.abs(np.asarray(new) - old).max()) for new, old in pairs)


def _phase(fitter: Fitter, planned: PhasePlan, first_epoch: int) -> Phase:
    detector, started = fitter.beginning.detector, time.monotonic()
    if planned.name == "head":
        check_frozen(detector.backbone)
    elif planned.name == "top":
        models.unfreeze_top(detector)
    else:
        models.unfreeze_all(detector)
        beginning = fitter.beginning
        steps = len(beginning.data.training) // beginning.settings.batch_size
        follow_within_an_epoch(detector.backbone, steps)
    done = Done.of(fitter.work, planned.name)
    if done.checkpoint and done.is_over:
        assign(fitter.trains(planned).weights, done.checkpoint.arrays("now"))
        log.info("phase %s: done before", planned.name)
        return fitter.phase(planned, done, len(done.history), first_epoch)
    feed = None
    if planned.name == "head":
        feed = feeding.features(fitter.beginning, fitter.work.directory)
    feed = feed or feeding.images(fitter.beginning, len(done.history))
    return fitter.fit(planned, feed, started, first_epoch)


def _fine_tuning(beginning: Beginning, phases: Sequence[Phase]) -> FineTuning:
    if not beginning.is_pretrained:
        reason = "no pretrained weights: the whole network trained from the start"
        return FineTuning(Decision.NOT_ASKED, reason=reason)
    if len(phases) == 1:
        return FineTuning(Decision.NOT_ASKED)
    if phases[-1].kept_epoch:
        return FineTuning(Decision.STARTED, verdict=Verdict.KEPT)
    reason = "no epoch of phase 2 reached a higher validation mAP than phase 1"
    return FineTuning(Decision.STARTED, verdict=Verdict.NO_GAIN, reason=reason)
