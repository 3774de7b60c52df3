"""``python -m export detector``: labelled images in, a published version out."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export import golden_pictures, publication
from export.detector import data_sets
from export.detector.annotations import DetectionData
from export.detector.pretrained import architecture_of
from export.detector.publishing import MODEL
from export.detector.settings import DetectorSettings
from export.detector.training import Beginning, Trained, begin, train
from export.lineage.arguments import recording as recording_from
from export.lineage.recording import Recording
from export.publish import check_place
from export.training import finished as finished_training
from export.training import provenance
from export.training.finished import Finished, room_for
from export.training.resume import Work

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

# More than golden requests are made of: a picture whose answer hangs on a tie is passed over.
_PICTURES = 20


def run(
    settings: DetectorSettings,
    data_dir: Path,
    data: DetectionData,
    models_dir: Path,
    *,
    work_dir: Path | None = None,
    log_dir: Path | None = None,
    recording: Recording | None = None,
) -> dict[str, Any]:
    """Train, export, verify and publish one detector.

    Args:
        settings: The run's settings.
        data_dir: The data set's folder.
        data: What was read from it.
        models_dir: ``MODELS``; the version goes to ``MODELS/detector/<version>``.
        work_dir: Where what was trained is kept until it is published; None takes a place below
            ``MODELS/detector`` that belongs to these settings and this data.
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
        beginning = begin(settings, data)
        data_record = _data_record(data_dir, data)
        identity = {
            "model": MODEL,
            "settings": settings.to_json(),
            "weights": beginning.weights.to_json(),
            "data": {"fingerprint": data_record["fingerprint"], "classes": list(data.class_names)},
            "versions": provenance.versions(),
        }
        work = Work.take(work_dir, models_dir / MODEL, identity)
        with contextlib.closing(work):
            if work.finished is None:
                work.reserve(room_for(beginning.detector.model.variables))
                try:
                    # Read now: a file that is gone after hours must not cost what was trained.
                    pictures = [
                        golden_pictures.load(sample.path) for sample in data.validation[:_PICTURES]
                    ]
                    trained = train(beginning, log_dir)
                except BaseException:
                    work.abandon()
                    raise
                seconds = time.monotonic() - started
                _keep(work, beginning, trained, data_record, pictures, seconds)
            finished = finished_training.load(work.directory)
            return publication.publish_finished(work, finished, models_dir, run_on_record, started)


def _keep(
    work: Work,
    beginning: Beginning,
    trained: Trained,
    data_record: dict[str, Any],
    pictures: Sequence[Array],
    seconds: float,
) -> None:
    """Write what was trained into the working directory, for publication."""
    settings, data, grid = beginning.settings, beginning.data, trained.detector.grid
    finished = Finished(
        model=MODEL,
        settings=settings.to_json(),
        class_names=tuple(data.class_names),
        accuracy=trained.phases[-1].map50,
        record=_run_record(trained, settings, data, data_record),
        result={
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
            "seconds": {"training": round(seconds, 1)},
        },
        network={
            "strides": grid.strides,
            "anchors": grid.anchors,
            "backbone": architecture_of(trained.detector.row, trained.detector.backbone),
        },
        pictures=tuple(pictures),
    )
    work.keep(lambda folder: finished_training.write(folder, finished, trained.detector.model))


def _data_record(data_dir: Path, data: DetectionData) -> dict[str, Any]:
    # Labels stand in files of their own, and other labels are another data set.
    labels = [path for end in ("xml", "json", "txt") for path in data_dir.rglob(f"*.{end}")]
    return provenance.data_record(
        data_dir,
        [sample.path for sample in data.training],
        [sample.path for sample in data.validation],
        labels,
    )


def _run_record(
    trained: Trained,
    settings: DetectorSettings,
    data: DetectionData,
    data_record: dict[str, Any],
) -> dict[str, Any]:
    """Return what ``run.json`` holds."""
    grid = trained.detector.grid
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
        "data": data_record,
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
        work_dir=arguments.work,
        log_dir=arguments.tensorboard,
        recording=recording_from(arguments),
    )
