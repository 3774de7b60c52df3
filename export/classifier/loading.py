"""From a data set that was found to what trains: read once, divided, and described."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export import golden_images
from export.classifier import repeats
from export.classifier.model import Classifier
from export.classifier.photographs import Photographs
from export.classifier.settings import ClassifierSettings
from export.classifier.split import Split, inference, store
from export.file_names import escaped
from export.training import provenance
from export.training.input_range import check_batch
from export.training.memory import BatchHalving

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_IMAGES = 5
_UNEVEN = 3  # times the smallest class, from which on balancing is proposed


@dataclass(frozen=True)
class LoadedData:
    """A data set that was read.

    Attributes:
        photographs: The data set.
        split: Photographs, or where features are computed once, those of its feature layer.
        record: Directory, fingerprint and split, as ``run.json`` holds them.
        duplicates: See :func:`export.classifier.repeats.find`.
        images: Held-out photographs that golden requests are made of, uint8 [height, width, 3].
    """

    photographs: Photographs
    split: Split
    record: dict[str, Any]
    duplicates: dict[str, Any]
    images: tuple[Array, ...]


def load(
    photographs: Photographs,
    settings: ClassifierSettings,
    classifier: Classifier,
    memory: BatchHalving,
    contents: Mapping[Path, str],
    scratch: Path | None = None,
) -> LoadedData:
    """Read a data set and hold a part of it out.

    Args:
        photographs: The data set, found but not read.
        settings: The run's settings.
        classifier: The network, for the features of its frozen part.
        memory: Halves what does not fit.
        contents: SHA-256 of each readable file.
        scratch: Where what is computed once is kept while it is needed; None: where the system
            keeps temporary files.

    Raises:
        DataSetError: A class has not enough photographs that can be read.
        LeakError: Too many photographs stand on both sides.
        InputRangeError: What reaches the base is not coded as it expects.
    """
    batches = _read(photographs, settings, classifier, memory)
    inputs = store(batches, len(photographs.files), scratch)
    training, validation = photographs.split(
        settings.validation_fraction, settings.seed, settings.group_by, contents
    )
    record = provenance.data_record(
        photographs.directory,
        [photographs.paths[position] for position in training],
        [photographs.paths[position] for position in validation],
        contents=contents,
    ) | {"roots": _roots(photographs)}
    # Read now: a file that is gone after hours must not cost what was trained.
    images = tuple(
        golden_images.load(photographs.paths[position])
        for position in _spread(photographs, validation)
    )
    labels = np.array(photographs.labels, np.int32)
    split = Split(inputs, labels, training, validation, scratch)
    found = repeats.find(photographs, contents, validation)
    repeats.check_leaks(found, len(validation), allowed=photographs.allow_leaks)
    _say_if_few(len(validation), settings)
    _advise(labels[training], photographs, settings)
    return LoadedData(photographs, split, record, found, images)


def _read(
    photographs: Photographs,
    settings: ClassifierSettings,
    classifier: Classifier,
    memory: BatchHalving,
) -> Iterator[Array]:
    """Read every photograph once: pixels, or the features that the frozen part makes of them."""
    log.info("reading %d files", len(photographs.files))
    progress = keras.utils.Progbar(len(photographs.files), unit_name="file")
    spec, features = classifier.spec, inference(classifier.lower)
    checked = False
    for pixels in photographs.read(settings.image_size, settings.batch_size, spec.minimum_size):
        if not checked:
            # A guess from how bright photographs are proves nothing against checked code.
            check_batch(
                spec.preprocess(pixels), spec.input_range, where=spec.name, refuse_guesses=False
            )
            checked = True
        yield memory.map(features, pixels) if settings.caches_features else pixels
        if sys.stderr.isatty():
            with contextlib.redirect_stdout(sys.stderr):
                progress.update(len(photographs.paths) + len(photographs.skipped))


def _roots(photographs: Photographs) -> dict[str, str]:
    """Say below which folder the class folders of each part lie, relative to the data set."""
    folders = photographs.folders
    parts = {"training": folders.training, "validation": folders.validation or folders.training}
    return {name: escaped(part.root.relative_to(folders.directory)) for name, part in parts.items()}


def _advise(labels: Array, photographs: Photographs, settings: ClassifierSettings) -> None:
    counts = np.bincount(labels, minlength=len(photographs.class_names))
    if settings.class_weights == "none" and counts.max() > _UNEVEN * counts.min():
        names = photographs.class_names
        log.warning(
            "%s has %d photographs to train on, %s %d: --class-weights balanced makes each class "
            "count the same",
            names[counts.argmax()],
            counts.max(),
            names[counts.argmin()],
            counts.min(),
        )


def _say_if_few(validation: int, settings: ClassifierSettings) -> None:
    if validation < settings.policy.min_val_photographs:
        log.warning(
            "%d photographs to validate with: one more or less changes the accuracy by %.0f %%, so "
            "that it decides little; hold out more with --validation-fraction, or collect more",
            validation,
            100 / validation,
        )


def _spread(photographs: Photographs, validation: Array) -> list[int]:
    """Choose some held-out photographs, from as many classes as there are."""
    by_class: dict[int, list[int]] = {}
    for position in validation.tolist():
        by_class.setdefault(photographs.labels[position], []).append(position)
    rounds = max(map(len, by_class.values()))
    turns = [p[i] for i in range(rounds) for p in by_class.values() if i < len(p)]
    return turns[:_IMAGES]
