"""What a training needs before its first epoch, and what its phases share."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.classifier import construction, loading
from export.classifier.construction import Construction
from export.classifier.fitting import Fitter
from export.classifier.loading import LoadedData
from export.classifier.photographs import Photographs
from export.classifier.settings import ClassifierSettings
from export.training import provenance
from export.training.batch_norm import BatchNormGuard
from export.training.distribution import Distribution, start
from export.training.event_log import EventLog
from export.training.finished import room_for
from export.training.finite import FiniteGuard
from export.training.identity import digest
from export.training.memory import BatchHalving, halving_of
from export.training.work import AlreadyTrained, Work

log = logging.getLogger(__name__)

OpenWork = Callable[[dict[str, Any]], Work]


@dataclass(frozen=True)
class Beginning:
    """What the phases of one training share.

    Attributes:
        settings: The run's settings.
        construction: The network, and what it starts from.
        data: The data set, read.
        fitter: Trains a stage; it has the working directory and knows who trains.
        memory: Halves what does not fit.
        guard: Watches the base's BatchNorm statistics.
    """

    settings: ClassifierSettings
    construction: Construction
    data: LoadedData
    fitter: Fitter
    memory: BatchHalving
    guard: BatchNormGuard

    @property
    def caches(self) -> bool:
        """Whether the frozen part's features are computed once."""
        return self.settings.caches_features

    @property
    def work(self) -> Work:
        """The working directory; whoever has published removes it."""
        return self.fitter.work


def begin(
    settings: ClassifierSettings,
    photographs: Photographs,
    open_work: OpenWork,
    log_dir: Path | None = None,
    distribution: Distribution | None = None,
    *,
    base_learns: bool | None = None,
) -> Beginning:
    """Build the network, open the working directory, read the data.

    Args:
        settings: The run's settings.
        photographs: The data set, found but not read.
        open_work: From the run's identity to its working directory. A run that was interrupted
            there goes on after its last finished epoch.
        log_dir: Where TensorBoard's files go; None writes none.
        distribution: Who trains; None: this process, on one device. The workers of several need
            the same data and a working directory that all of them see.
        base_learns: Whether the base's BatchNorm statistics may change without an alarm; None:
            where it has no pretrained weights.

    Raises:
        ExportError: A setting, the weights or the data set cannot work.
        AlreadyTrained: An earlier process has trained all of this.
    """
    distribution = distribution or start("none")
    built = construction.construct(settings, len(photographs.class_names), distribution)
    contents = provenance.digests(p for p, _ in photographs.files if os.access(p, os.R_OK))
    identity = _identity(settings, built, photographs, contents)
    distribution.check_agreement("settings and data", digest(identity))
    work = open_work(identity)
    if work.finished:
        raise AlreadyTrained(work)
    work.reserve(room_for(built.classifier.model.variables))
    memory = halving_of(work, settings.batch_size, halves=distribution.kind == "none")
    try:
        data = loading.load(
            photographs,
            settings,
            built.classifier,
            memory,
            contents,
            work.directory if work.writes else None,
        )
    except BaseException:
        work.abandon()
        raise
    # Several replicas halve nothing: the others would wait for the second half for ever.
    halving = [memory] if distribution.kind == "none" else []
    callbacks: list[Any] = [FiniteGuard(), *halving]
    if log_dir and distribution.is_chief:
        callbacks.append(EventLog(log_dir, built.classifier.base))
    fitter = Fitter(
        work,
        built.classifier.classes,
        settings.batch_size,
        settings.seed,
        tuple(callbacks),
        distribution,
        class_weights(settings, data),
    )
    learns = not built.is_pretrained if base_learns is None else base_learns
    guard = BatchNormGuard(built.classifier.base, learns=learns)
    return Beginning(settings, built, data, fitter, memory, guard)


def class_weights(settings: ClassifierSettings, data: LoadedData) -> tuple[float, ...] | None:
    """Return what a photograph of each class counts in the loss; None: each the same.

    ``balanced`` is n / (C * n_c), as scikit-learn's: the weights of all photographs average 1.

    Raises:
        SettingsError: A weight is missing, or names no class.
    """
    names = data.photographs.class_names
    if settings.class_weights == "none":
        return None
    if settings.class_weights == "balanced":
        counts = np.bincount(data.split.labels[data.split.training], minlength=len(names))
        return tuple((counts.sum() / (len(names) * counts)).tolist())
    return settings.weights_of(names)


def _identity(
    settings: ClassifierSettings,
    built: Construction,
    photographs: Photographs,
    contents: Mapping[Path, str],
) -> dict[str, Any]:
    """Return what makes the run the run it is, see :mod:`export.training.identity`."""
    return {
        "model": "classifier",
        "settings": settings.to_json(),
        "weights": built.weights.to_json(),
        "data": {
            "fingerprint": provenance.fingerprint(photographs.directory, contents, contents),
            "classes": list(photographs.class_names),
        },
        "versions": provenance.versions(),
    }
