"""``python -m export detector``: labelled images in, a published version out."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from export import golden_images, publication
from export.detector import gate, record
from export.detector.beginning import Beginning, begin
from export.detector.intake import Intake
from export.detector.publishing import MODEL, publish_detector
from export.detector.training import largest_change, train
from export.giving_back import give_back
from export.labels import recorded
from export.training import finished as finished_training
from export.training import keeping, provenance
from export.training.destination import Destination
from export.training.finished import Finished, room_for
from export.training.set_aside import SetAside
from export.training.work import Work

log = logging.getLogger(__name__)

# More than golden requests are made of: an image whose answer is a tie is passed over.
_IMAGES = 20


def run(intake: Intake, destination: Destination) -> dict[str, Any]:
    """Train, export, verify and publish one detector.

    Args:
        intake: What was asked for.
        destination: Where the version, and all else, goes.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: Nothing was published; the message says why.
    """
    started = time.monotonic()
    settings, data, models_dir = intake.settings, intake.data, destination.models_dir
    with destination.recording.run(MODEL, settings.to_json(), models_dir) as run_on_record:
        beginning = begin(settings, data)
        data_record = recorded.data_record(intake.data_dir, data)
        identity = {
            "model": MODEL,
            "settings": settings.to_json(),
            "weights": beginning.weights.to_json(),
            "data": {"fingerprint": data_record["fingerprint"], "classes": list(data.class_names)},
            "versions": provenance.versions(),
        }
        work = Work.take(destination.work_dir, models_dir / MODEL, identity)
        with contextlib.closing(work):
            run_on_record.take_over(work)
            if work.finished is None:
                _train(work, beginning, data_record, destination.log_dir, started)
            # What is published is built anew, of what was kept; this network is in its way.
            del beginning
            give_back()
            finished = finished_training.load(work.directory)
            gate.check(finished, intake.min_map, work.directory, models_dir)
            return publication.publish_finished(
                work, finished, publish_detector, destination.target, run_on_record, started
            )


def _train(
    work: Work,
    beginning: Beginning,
    data_record: dict[str, Any],
    log_dir: Path | None,
    started: float,
) -> None:
    """Train, and write what was trained into the working directory, for publication."""
    work.reserve(room_for(beginning.detector.model.variables))
    try:
        # Read now: a file that is gone after hours must not cost what was trained.
        shown = beginning.data.validation[:_IMAGES]
        images = tuple(golden_images.load(sample.path) for sample in shown)
        before = SetAside(work.directory)
        before.keep(beginning.detector.backbone.weights)
        trained = train(beginning, work, log_dir)
    except BaseException:
        work.abandon()
        raise
    change = largest_change(before, beginning.detector.backbone)
    finished = Finished(
        model=MODEL,
        settings=beginning.settings.to_json(),
        class_names=tuple(beginning.data.class_names),
        accuracy=trained.accuracy,
        record=record.run_record(beginning, trained, data_record),
        result=record.result(beginning, trained, change, time.monotonic() - started),
        network=record.network_record(trained.network),
        images=images,
    )
    keeping.keep(
        work, lambda folder: finished_training.write(folder, finished, trained.network.model)
    )


def main(arguments: argparse.Namespace, intake: Intake) -> dict[str, Any]:
    """Run the command.

    Args:
        arguments: Those of :mod:`export.detector.arguments`.
        intake: What they ask for, checked.
    """
    log.info("settings: %s", json.dumps(intake.settings.to_json()))
    return run(intake, Destination.of(arguments))
