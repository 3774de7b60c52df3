"""From a data set that was found to what trains: read once, divided, and described."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export import golden_images
from export.classifier.model import Classifier
from export.classifier.photographs import Photographs
from export.classifier.settings import ClassifierSettings
from export.classifier.split import Split, inference
from export.training import provenance
from export.training.input_range import check_batch
from export.training.memory import BatchHalving

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_IMAGES = 5


@dataclass(frozen=True)
class LoadedData:
    """A data set in memory.

    Attributes:
        photographs: The data set, read.
        split: Photographs, or where features are computed once, those of its feature layer.
        record: Directory, fingerprint and split, as ``run.json`` holds them.
        images: Held-out photographs that golden requests are made of, uint8 [height, width, 3].
    """

    photographs: Photographs
    split: Split
    record: dict[str, Any]
    images: tuple[Array, ...]


def load(
    photographs: Photographs,
    settings: ClassifierSettings,
    classifier: Classifier,
    memory: BatchHalving,
    contents: Mapping[Path, str],
) -> LoadedData:
    """Read a data set and hold a part of it out.

    Args:
        photographs: The data set, found but not read.
        settings: The run's settings.
        classifier: The network, for the features of its frozen part.
        memory: Halves what does not fit.
        contents: SHA-256 of each readable file.

    Raises:
        DataSetError: A class has not enough photographs that can be read.
        InputRangeError: What reaches the base is not coded as it expects.
    """
    inputs = _read(photographs, settings, classifier, memory)
    training, validation = photographs.split(settings.validation_fraction, settings.seed)
    record = provenance.data_record(
        photographs.directory,
        [photographs.paths[position] for position in training],
        [photographs.paths[position] for position in validation],
        contents=contents,
    )
    # Read now: a file that is gone after hours must not cost what was trained.
    images = tuple(
        golden_images.load(photographs.paths[position])
        for position in _spread(photographs, validation)
    )
    labels = np.array(photographs.labels, np.int32)
    return LoadedData(photographs, Split(inputs, labels, training, validation), record, images)


def _read(
    photographs: Photographs,
    settings: ClassifierSettings,
    classifier: Classifier,
    memory: BatchHalving,
) -> Array:
    """Read every photograph once: pixels, or the features that the frozen part makes of them."""
    log.info("reading %d files", len(photographs.files))
    progress = keras.utils.Progbar(len(photographs.files), unit_name="file")
    spec, features = classifier.spec, inference(classifier.lower)
    batches: list[Array] = []
    for pixels in photographs.read(settings.image_size, settings.batch_size, spec.minimum_size):
        if not batches:
            # A guess from how bright photographs are proves nothing against checked code.
            check_batch(
                spec.preprocess(pixels), spec.input_range, where=spec.name, refuse_guesses=False
            )
        if settings.caches_features:
            batches.append(memory.map(features, pixels))
        else:
            batches.append(pixels)
        if sys.stderr.isatty():
            with contextlib.redirect_stdout(sys.stderr):
                progress.update(len(photographs.paths) + len(photographs.skipped))
    return np.concatenate(batches)


def _spread(photographs: Photographs, validation: Array) -> list[int]:
    """Choose some held-out photographs, from as many classes as there are."""
    by_class: dict[int, list[int]] = {}
    for position in validation.tolist():
        by_class.setdefault(photographs.labels[position], []).append(position)
    rounds = max(map(len, by_class.values()))
    turns = [p[i] for i in range(rounds) for p in by_class.values() if i < len(p)]
    return turns[:_IMAGES]
