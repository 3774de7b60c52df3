"""What a phase trains on and is validated with: images, or features of them computed once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.detector import feature_cache, pipeline
from export.detector.beginning import Beginning
from export.detector.feature_cache import CachedFeatures, Views
from export.training.batches import Batches, ShuffledBatches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Feed:
    """Data of a phase, and the network that takes them.

    Attributes:
        network: Inputs to raw predictions; training it trains the detector.
        batches: Inputs and targets for ``fit``.
        held_out: Batches of validation inputs, in the order of the data set.
        callbacks: What has to know when an epoch begins.
    """

    network: Any
    batches: tf.data.Dataset
    held_out: Iterable[Any]
    callbacks: tuple[Any, ...] = ()


def images(beginning: Beginning, epochs_done: int = 0) -> Feed:
    """Feed pixels, changed at random if the settings say so.

    Args:
        beginning: What trains.
        epochs_done: By earlier processes, so that their order and changes are not repeated.
    """
    settings, data = beginning.settings, beginning.data
    batches = pipeline.training_batches(
        data.training,
        settings.image_size,
        settings.batch_size,
        settings.seed + epochs_done,
        changes=settings.changes if settings.augment else None,
    )
    held_out = pipeline.pixels(data.validation, settings.image_size, settings.batch_size)
    return Feed(beginning.detector.model, batches, held_out)


def features(beginning: Beginning, scratch: Path) -> Feed | None:
    """Feed the frozen backbone's features, computed once; they are gone with the feed.

    Args:
        beginning: What trains.
        scratch: A folder on the disk that holds them, in files without a name.

    Returns:
        The feed; None where the settings want no features, or the disk has no room for them.
    """
    settings, data = beginning.settings, beginning.data
    rows = len(data.training) * settings.views + len(data.validation)
    if not settings.views or not feature_cache.fit(beginning.detector.features, rows, scratch):
        return None
    return _features(beginning, scratch)


def _features(beginning: Beginning, directory: Path) -> Feed:
    settings, data = beginning.settings, beginning.data
    log.info(
        "phase head: computing the frozen backbone's features once, of %d views each of %d images",
        settings.views,
        len(data.training),
    )
    started = time.monotonic()
    training = _compute(beginning, "training", settings.views, directory)
    validation = _compute(beginning, "validation", 1, directory)
    log.info("features computed in %.0f s", time.monotonic() - started)
    batches = ShuffledBatches(
        training.batch, np.arange(len(training)), settings.batch_size, settings.seed
    )
    held_out = Batches(validation.inputs, np.arange(len(validation)), settings.batch_size)
    return Feed(beginning.detector.head, batches.dataset(), held_out, (batches,))


def _compute(beginning: Beginning, part: str, views: int, directory: Path) -> CachedFeatures:
    settings, data = beginning.settings, beginning.data
    return feature_cache.compute(
        beginning.detector.features,
        data.training if part == "training" else data.validation,
        settings.image_size,
        Views(views, settings.changes, settings.seed),
        directory,
    )
