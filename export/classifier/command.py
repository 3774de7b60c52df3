"""``python -m export classifier``: photographs in, a published version out."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from export import golden_cases, serving_graph, warmup
from export.classifier import photographs
from export.classifier.backbones import backbone
from export.classifier.outcome import Trained
from export.classifier.record import RUN_FILE, run_record
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train
from export.errors import PublishError
from export.lineage.arguments import recording as recording_from
from export.lineage.recording import Recording
from export.lineage.run import Run
from export.publish import Published, check_place, publish
from export.training import distribution as distributions
from export.training.distribution import Distribution
from export.training.policy import PhasePolicy
from export.training.resume import Work
from serving_config import contract as contracts
from serving_config.golden import GoldenCase

log = logging.getLogger(__name__)

MODEL = "classifier"
KERAS_FILE = "model.keras"

# Rounding in float32 moves the logits of trained networks by up to 1e-4 (measured: 7e-5).
_FOLDING_TOLERANCE = 1e-3


def run(
    settings: ClassifierSettings,
    data_dir: Path,
    models_dir: Path,
    *,
    work_dir: Path | None = None,
    log_dir: Path | None = None,
    recording: Recording | None = None,
    distribution: Distribution | None = None,
) -> dict[str, Any]:
    """Train, export, verify and publish one classifier.

    Args:
        settings: The run's settings.
        data_dir: A folder of class folders.
        models_dir: ``MODELS``; the version goes to ``MODELS/classifier/<version>``.
        work_dir: Where an interrupted run is kept; None takes a place below ``MODELS/classifier``
            that belongs to these settings and this data.
        log_dir: Where TensorBoard's files go; None writes none.
        recording: Where the run is put on record; None for the default place.
        distribution: Who trains; None: this process, on one device. Of several workers the chief
            alone publishes.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: Nothing was published; the message says why.
    """
    started = time.monotonic()
    check_place(models_dir)

    def open_work(identity: dict[str, Any]) -> Work:
        if work_dir:
            return Work(work_dir, identity, writes=is_chief)
        return Work.below(models_dir / MODEL, identity, writes=is_chief)

    is_chief = distribution is None or distribution.is_chief
    if distribution and not is_chief:
        train(settings, photographs.find(data_dir), open_work, distribution=distribution)
        return {"model": MODEL, "worker": distribution.worker, "published_by": "worker 0"}
    with (recording or Recording()).run(MODEL, settings.to_json(), models_dir) as run_on_record:
        trained = train(settings, photographs.find(data_dir), open_work, log_dir, distribution)
        trained_s = time.monotonic() - started
        with contextlib.closing(trained.work):
            published = _publish(trained, settings, models_dir, trained_s, run_on_record)
            run_on_record.published(published.version, published.path)
            trained.work.remove()
    data = trained.photographs
    return {
        "model": MODEL,
        "version": published.version,
        "path": str(published.path),
        "accuracy": round(trained.accuracy, 4),
        "phases": {
            str(phase.number): {
                "accuracy": round(phase.accuracy, 4),
                "loss": round(phase.loss, 4),
                "epochs": len(phase.history),
                "frozen_layers": phase.frozen_layers,
            }
            for phase in trained.phases
        },
        "kept_phase": trained.kept_phase,
        "fine_tuning": trained.fine_tuning.to_json(),
        "notes": list(trained.notes),
        "weights": trained.weights.to_json(),
        "classes": list(data.class_names),
        "photographs": {
            "training": len(data.paths) - len(trained.validation),
            "validation": len(trained.validation),
            "skipped": len(data.skipped),
        },
        "max_distance": dict(published.verification.max_distance),
        "lineage": run_on_record.to_json(),
        "seconds": {
            "training": round(trained_s, 1),
            "all": round(time.monotonic() - started, 1),
        },
    }


def _publish(
    trained: Trained,
    settings: ClassifierSettings,
    models_dir: Path,
    seconds: float,
    run_on_record: Run,
) -> Published:
    classifier, data = trained.classifier, trained.photographs
    network = classifier.network()
    paths = [data.paths[position] for position in _spread(trained)]
    cases = golden_cases.make(paths, network, settings.image_size, data.class_names)
    _check_folding(
        cases,
        golden_cases.make(paths, classifier.trained(), settings.image_size, data.class_names),
    )

    def write(version_dir: Path) -> None:
        serving_graph.write_image_model(version_dir, network, settings.image_size, data.class_names)
        extra = version_dir / "assets.extra"
        extra.mkdir(exist_ok=True)
        warmup.write(extra / warmup.WARMUP_FILE, MODEL, cases)
        classifier.model.save(extra / KERAS_FILE)
        record = run_record(trained, settings, seconds)
        (extra / RUN_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        run_on_record.seal(version_dir, record, trained.accuracy)

    contract = contracts.load(MODEL).bind(data.class_names)
    return publish(models_dir, contract, cases, write)


def _check_folding(served: list[GoldenCase], trained: list[GoldenCase]) -> None:
    """Compare the folded network with the trained one; rounding alone may lie between them."""
    moved = max(
        distance
        for case, reference in zip(served, trained, strict=True)
        for distance in reference.differences(case.outputs).values()
    )
    log.info("folding batch normalisation moved the outputs by at most %.1e", moved)
    if not moved <= _FOLDING_TOLERANCE:
        raise PublishError(
            f"folding batch normalisation moved an output by {moved:g}, more than rounding can "
            f"({_FOLDING_TOLERANCE:g}); nothing was published"
        )


def _spread(trained: Trained) -> list[int]:
    """Choose five held-out photographs, from as many classes as there are."""
    by_class: dict[int, list[int]] = {}
    for position in trained.validation.tolist():
        by_class.setdefault(trained.photographs.labels[position], []).append(position)
    rounds = max(map(len, by_class.values()))
    turns = [p[i] for i in range(rounds) for p in by_class.values() if i < len(p)]
    return turns[:5]


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.classifier.arguments`."""
    distribution = distributions.start(arguments.distribute)  # before anything else of TensorFlow
    row = backbone(arguments.backbone)
    settings = ClassifierSettings(
        backbone=row.name,
        image_size=row.image_size if arguments.image_size is None else arguments.image_size,
        weights=arguments.weights,
        epochs=arguments.epochs,
        fine_tune_epochs=arguments.fine_tune_epochs,
        policy=PhasePolicy(unfreezing=arguments.fine_tune_layers),
        force_fine_tune=arguments.force_fine_tune,
        augment=arguments.augment,
        seed=arguments.seed,
    )
    log.info("settings: %s", json.dumps(settings.to_json()))
    return run(
        settings,
        arguments.data,
        arguments.out,
        work_dir=arguments.work,
        log_dir=arguments.tensorboard,
        recording=recording_from(arguments),
        distribution=distribution,
    )
