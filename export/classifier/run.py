"""What a training needs before its first epoch, and what its phases share."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export import golden_pictures
from export.classifier import model as models
from export.classifier.augmentation import augmentation
from export.classifier.backbones import BACKBONES
from export.classifier.fitting import Fitted, Fitter, History, Stage, best_epoch
from export.classifier.model import Classifier
from export.classifier.outcome import FineTuning, Phase, Trained
from export.classifier.photographs import Photographs
from export.classifier.pretrained import load_pretrained
from export.classifier.settings import ClassifierSettings
from export.classifier.split import Split, inference
from export.errors import SettingsError
from export.training import provenance
from export.training.batch_norm import BatchNormGuard
from export.training.distribution import Distribution, start
from export.training.event_log import EventLog
from export.training.finished import room_for
from export.training.input_range import check_batch, check_preprocessing
from export.training.memory import BatchHalving
from export.training.resume import AlreadyTrained, Work, digest
from export.weights import WeightsRecord

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
OpenWork = Callable[[dict[str, Any]], Work]


@dataclass
class Run:
    """What the phases of one run share.

    Attributes:
        settings: The run's settings.
        photographs: The data set, read.
        classifier: The network.
        weights: What the base started from.
        split: Photographs, or where features are computed once, those at the network's cut.
        data: Directory, fingerprint and split, as ``run.json`` holds them.
        pictures: Held-out photographs that golden requests are made of, uint8 [height, width, 3].
        fitter: Trains a stage.
        memory: Halves what does not fit.
        augmentation: Changes training photographs; None when nothing does.
        guard: Watches the base's BatchNorm statistics.
        resumed_after: Epochs that an earlier process had done.
    """

    settings: ClassifierSettings
    photographs: Photographs
    classifier: Classifier
    weights: WeightsRecord
    split: Split
    data: dict[str, Any]
    pictures: tuple[Array, ...]
    fitter: Fitter
    memory: BatchHalving
    augmentation: Any
    guard: BatchNormGuard
    resumed_after: int = 0

    @property
    def caches(self) -> bool:
        """Whether the frozen part's features are computed once."""
        return self.settings.caches_features

    def fit(self, model: Any, split: Split, stage: Stage) -> Fitted:
        """Train one stage, or what an earlier process left of it."""
        fitted = self.fitter.fit(model, split, stage)
        if fitted.resumed_after:
            self.resumed_after = stage.first_epoch + fitted.resumed_after
        return fitted

    def trained(self, phases: tuple[Phase, ...], kept: int, tuning: FineTuning) -> Trained:
        """Put the outcome together."""
        notes = list(self.memory.notes)
        if self.settings.augment:
            changes = ", ".join(self.settings.augment)
            notes.append(f"augmentation while training, not in the exported graph: {changes}")
        if self.resumed_after:
            notes.append(f"interrupted and resumed after epoch {self.resumed_after}")
        distribution = self.fitter.distribution
        if distribution.kind != "none":
            came = distribution.to_json()
            notes.append(
                f"trained on {came['replicas']} replicas of {came['workers']} workers "
                f"({distribution.kind})"
            )
        return Trained(
            self._on_one_device(),
            self.photographs,
            self.split.validation,
            self.weights,
            phases,
            kept,
            tuning,
            self.data,
            self.pictures,
            self.fitter.work,
            self.guard.to_json(),
            tuple(notes),
        )

    def _on_one_device(self) -> Classifier:
        """Return the classifier in ordinary variables: mirrored ones cannot be exported."""
        if self.fitter.distribution.kind == "none":
            return self.classifier
        row = self.classifier.row
        base = row.build(self.settings.image_size)
        copy = models.build(row, base, self.settings, self.classifier.classes)
        copy.model.set_weights(self.classifier.model.get_weights())
        return copy

    def phase(
        self,
        number: int,
        name: str,
        frozen_layers: int,
        learning_rate: float,
        history: History,
        seconds: float,
        after: Phase | None = None,
        steps: tuple[dict[str, Any], ...] = (),
    ) -> Phase:
        """Describe a finished phase by its best epoch."""
        best = history[best_epoch(losses(history))]
        log.info(
            "phase %d: accuracy %.4f, loss %.4f on validation",
            number,
            best["val_accuracy"],
            best["val_loss"],
        )
        return Phase(
            number,
            name,
            frozen_layers,
            learning_rate,
            self.settings.batch_size,
            1 + (len(after.history) if after else 0),
            best["val_accuracy"],
            best["val_loss"],
            round(seconds, 2),
            tuple(history),
            steps,
        )


def prepare(
    settings: ClassifierSettings,
    photographs: Photographs,
    open_work: OpenWork,
    log_dir: Path | None = None,
    distribution: Distribution | None = None,
) -> Run:
    """Build the network, read the data, open the working directory.

    Args:
        settings: The run's settings.
        photographs: The data set, found but not read.
        open_work: From the run's identity to its working directory.
        log_dir: Where TensorBoard's files go; None writes none.
        distribution: Who trains; None: this process, on one device.

    Raises:
        ExportError: A setting, the weights or the data set cannot work.
        AlreadyTrained: An earlier process has trained all of this.
    """
    row = BACKBONES[settings.backbone]
    if settings.image_size < row.minimum_size:
        raise SettingsError(
            f"--image-size must be at least {row.minimum_size} for {row.name}, "
            f"received {settings.image_size}"
        )
    distribution = distribution or start("none")
    keras.utils.set_random_seed(settings.seed)
    check_preprocessing(row.preprocess, row.input_range)
    with distribution.scope():
        base = row.build(settings.image_size)
        weights = load_pretrained(base, row, settings.image_size, settings.weights)
        classifier = models.build(row, base, settings, len(photographs.class_names))
        changes = augmentation(settings.augment)
    contents = provenance.digests(
        p for p, _ in photographs.files if p.is_file() and os.access(p, os.R_OK)
    )
    identity = {
        "model": "classifier",
        "settings": settings.to_json(),
        "weights": weights.to_json(),
        "data": {
            "fingerprint": provenance.fingerprint(photographs.directory, contents, contents),
            "classes": list(photographs.class_names),
        },
        "versions": provenance.versions(),
    }
    distribution.check_agreement("settings and data", digest(identity))
    work = open_work(identity)
    if work.finished:
        raise AlreadyTrained(work)
    work.reserve(room_for(classifier.model.variables))
    memory = BatchHalving()
    try:
        inputs = _read(photographs, settings, classifier, memory)
        training, validation = photographs.split(settings.validation_fraction, settings.seed)
        data = provenance.data_record(
            photographs.directory,
            [photographs.paths[position] for position in training],
            [photographs.paths[position] for position in validation],
            contents=contents,
        )
        # Read now: a file that is gone after hours must not cost what was trained.
        pictures = tuple(
            golden_pictures.load(photographs.paths[position])
            for position in _spread(photographs, validation)
        )
    except BaseException:
        work.abandon()
        raise
    # Several replicas halve nothing: the others would wait for the second half for ever.
    callbacks = [memory] if distribution.kind == "none" else []
    if log_dir and distribution.is_chief:
        callbacks.append(EventLog(log_dir, base))
    return Run(
        settings,
        photographs,
        classifier,
        weights,
        Split(inputs, np.array(photographs.labels, np.int32), training, validation),
        data,
        pictures,
        Fitter(
            work,
            classifier.classes,
            settings.batch_size,
            settings.seed,
            tuple(callbacks),
            distribution,
        ),
        memory,
        changes,
        BatchNormGuard(base, learns=weights.source == "none"),
    )


def _spread(photographs: Photographs, validation: Array) -> list[int]:
    """Choose five held-out photographs, from as many classes as there are."""
    by_class: dict[int, list[int]] = {}
    for position in validation.tolist():
        by_class.setdefault(photographs.labels[position], []).append(position)
    rounds = max(map(len, by_class.values()))
    turns = [p[i] for i in range(rounds) for p in by_class.values() if i < len(p)]
    return turns[:5]


def losses(history: Sequence[dict[str, float]]) -> list[float]:
    """Return the validation loss of each epoch."""
    return [epoch["val_loss"] for epoch in history]


def _read(
    photographs: Photographs,
    settings: ClassifierSettings,
    classifier: Classifier,
    memory: BatchHalving,
) -> Array:
    """Read every photograph once: pixels, or the features that the frozen part makes of them."""
    log.info("reading %d files", len(photographs.files))
    progress = keras.utils.Progbar(len(photographs.files), unit_name="file")
    row, features = classifier.row, inference(classifier.lower)
    batches: list[Array] = []
    for pixels in photographs.read(settings.image_size, settings.batch_size, row.minimum_size):
        if not batches:
            # A guess from how bright photographs are proves nothing against checked code.
            check_batch(
                row.preprocess(pixels), row.input_range, where=row.name, refuse_guesses=False
            )
        if settings.caches_features:
            batches.append(memory.map(features, pixels))
        else:
            batches.append(pixels)
        if sys.stderr.isatty():
            with contextlib.redirect_stdout(sys.stderr):
                progress.update(len(photographs.paths) + len(photographs.skipped))
    return np.concatenate(batches)
