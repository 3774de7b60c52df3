"""``python -m export detector``: labelled images in, a published version out."""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from export import warmup
from export.detector import data_sets, golden_cases, serving
from export.detector.annotations import DetectionData
from export.detector.settings import DetectorSettings
from export.detector.suppression import Suppression
from export.detector.training import Trained, train
from export.lineage.arguments import recording as recording_from
from export.lineage.recording import Recording
from export.lineage.run import Run
from export.publish import Published, check_place, publish
from export.training import provenance
from serving_config import contract as contracts

log = logging.getLogger(__name__)

MODEL = "detector"
KERAS_FILE = "model.keras"
RUN_FILE = "run.json"


def run(
    settings: DetectorSettings,
    data_dir: Path,
    data: DetectionData,
    models_dir: Path,
    log_dir: Path | None = None,
    recording: Recording | None = None,
) -> dict[str, Any]:
    """Train, export, verify and publish one detector.

    Args:
        settings: The run's settings.
        data_dir: The data set's folder.
        data: What was read from it.
        models_dir: ``MODELS``; the version goes to ``MODELS/detector/<version>``.
        log_dir: Where TensorBoard's files go; None writes none.
        recording: Where the run is put on record; None for the default place.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: Nothing was published; the message says why.
    """
    started = time.monotonic()
    check_place(models_dir)
    with (recording or Recording()).run(MODEL, settings.to_json(), models_dir) as run_on_record:
        trained = train(settings, data, log_dir)
        trained_s = time.monotonic() - started
        record = _run_record(trained, settings, data_dir, data)
        published = _publish(trained, settings, data, models_dir, record, run_on_record)
        run_on_record.published(published.version, published.path)
    return {
        "model": MODEL,
        "version": published.version,
        "path": str(published.path),
        "map50": round(trained.phases[-1].map50, 4),
        "phases": [phase.to_json() for phase in trained.phases],
        "backbone_change": trained.backbone_change,
        "notes": list(trained.notes),
        "weights": trained.weights.to_json(),
        "classes": list(data.class_names),
        "images": {
            "training": len(data.training),
            "validation": len(data.validation),
            "problems": len(data.problems),
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
    settings: DetectorSettings,
    data: DetectionData,
    models_dir: Path,
    record: dict[str, Any],
    run_on_record: Run,
) -> Published:
    detector = trained.detector.folded()
    limits = Suppression(settings.max_detections, settings.score_threshold, settings.iou_threshold)
    cases = golden_cases.make(
        [sample.path for sample in data.validation], serving.live(detector, limits)
    )

    def write(version_dir: Path) -> None:
        serving.write(version_dir, detector, limits)
        extra = version_dir / "assets.extra"
        extra.mkdir(exist_ok=True)
        warmup.write(extra / warmup.WARMUP_FILE, MODEL, cases)
        trained.detector.model.save(extra / KERAS_FILE)
        (extra / RUN_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        run_on_record.seal(version_dir, record, trained.phases[-1].map50)

    contract = contracts.load(MODEL).bind(data.class_names, N=limits.max_detections)
    parameters = {
        "score_threshold": limits.score_threshold,
        "iou_threshold": limits.iou_threshold,
        "image_size": settings.image_size,
        "backbone": settings.backbone,
    }
    return publish(models_dir, replace(contract, parameters=parameters), cases, write)


def _run_record(
    trained: Trained, settings: DetectorSettings, data_dir: Path, data: DetectionData
) -> dict[str, Any]:
    """Return what ``run.json`` holds."""
    grid = trained.detector.grid
    # Labels stand in files of their own, and other labels are another data set.
    labels = [path for end in ("xml", "json", "txt") for path in data_dir.rglob(f"*.{end}")]
    return {
        "settings": settings.to_json(),
        "weights": trained.weights.to_json(),
        "anchors": grid.anchors,
        "strides": grid.strides,
        "anchor_iou": trained.anchor_iou,
        "phases": {phase.name: phase.history for phase in trained.phases},
        "batch_norm": trained.batch_norm,
        "notes": list(trained.notes),
        "frozen_layers": sum(not layer.trainable for layer in trained.detector.backbone.layers),
        "data": provenance.data_record(
            data_dir,
            [sample.path for sample in data.training],
            [sample.path for sample in data.validation],
            labels,
        ),
        "problems": [str(problem) for problem in data.problems],
        "versions": provenance.versions(),
    }


def settings_from(arguments: argparse.Namespace) -> DetectorSettings:
    """Return the settings that parsed arguments ask for.

    Raises:
        SettingsError: One is out of range.
    """
    given = vars(arguments)
    names = DetectorSettings.__dataclass_fields__
    chosen = {name: value for name, value in given.items() if name in names}
    return DetectorSettings(**chosen, augment=not arguments.no_augment)


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with parsed arguments."""
    settings = settings_from(arguments)
    log.info("settings: %s", json.dumps(settings.to_json()))
    data = data_sets.load(
        arguments.data,
        arguments.format,
        on_bad_input=settings.on_bad_input,
        validation_fraction=settings.validation_fraction,
        seed=settings.seed,
        class_names=arguments.classes.split(",") if arguments.classes else None,
    )
    return run(
        settings,
        arguments.data,
        data,
        arguments.out,
        arguments.tensorboard,
        recording_from(arguments),
    )
