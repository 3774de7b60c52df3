"""``python -m export classifier``: photographs in, a published version out."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import time
from typing import Any

from export import publication
from export.classifier import gate, record, validation
from export.classifier.beginning import Beginning, begin
from export.classifier.intake import Intake
from export.classifier.model import Classifier
from export.classifier.photographs import Photographs
from export.classifier.publishing import MODEL, publish_classifier
from export.classifier.training import train
from export.training import distribution as distributions
from export.training import finished as finished_training
from export.training import keeping
from export.training.destination import Destination
from export.training.distribution import Distribution
from export.training.finished import Finished
from export.training.outcome import Trained
from export.training.work import AlreadyTrained, Work

log = logging.getLogger(__name__)


def run(
    intake: Intake, destination: Destination, distribution: Distribution | None = None
) -> dict[str, Any]:
    """Train, export, verify and publish one classifier.

    Args:
        intake: What was asked for.
        destination: Where the version, and all else, goes.
        distribution: Who trains; None: this process, on one device. Of several workers the chief
            alone publishes.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: Nothing was published; the message says why.
    """
    started = time.monotonic()
    settings, models_dir = intake.settings, destination.models_dir
    is_chief = distribution is None or distribution.is_chief

    def open_work(identity: dict[str, Any]) -> Work:
        work = Work.take(destination.work_dir, models_dir / MODEL, identity, writes=is_chief)
        stack.callback(work.close)
        return work

    data = Photographs(intake.folders, intake.max_skipped)
    with contextlib.ExitStack() as stack:
        if distribution and not is_chief:
            with contextlib.suppress(AlreadyTrained):
                train(begin(settings, data, open_work, distribution=distribution))
            return {"model": MODEL, "worker": distribution.worker, "published_by": "worker 0"}
        run_on_record = stack.enter_context(
            destination.recording.run(MODEL, settings.to_json(), models_dir)
        )
        try:
            beginning = begin(settings, data, open_work, destination.log_dir, distribution)
        except AlreadyTrained as earlier:
            work = earlier.work
        else:
            work = beginning.work
            trained = train(beginning)
            _keep(beginning, trained, time.monotonic() - started)
        finished = finished_training.load(work.directory)
        gate.check(finished, intake.min_accuracy, work.directory, models_dir)
        return publication.publish_finished(
            work, finished, publish_classifier, destination.target, run_on_record, started
        )


def _keep(beginning: Beginning, trained: Trained[Classifier], seconds: float) -> None:
    """Write what was trained into the working directory, for publication."""
    validated = validation.validate(beginning, trained)
    finished = Finished(
        model=MODEL,
        settings=beginning.settings.to_json(),
        class_names=beginning.data.photographs.class_names,
        accuracy=trained.accuracy,
        record=record.run_record(beginning, trained, validated, seconds),
        result=record.result(beginning, trained, validated, seconds),
        images=beginning.data.images,
    )
    keeping.keep(
        beginning.work,
        lambda folder: finished_training.write(folder, finished, trained.network.model),
    )


def main(arguments: argparse.Namespace, intake: Intake) -> dict[str, Any]:
    """Run the command.

    Args:
        arguments: Those of :mod:`export.classifier.arguments`.
        intake: What they ask for, checked.
    """
    distribution = distributions.start(arguments.distribute)  # before anything else of TensorFlow
    log.info("settings: %s", json.dumps(intake.settings.to_json()))
    return run(intake, Destination.of(arguments), distribution)
