"""``python -m export classifier``: photographs in, a published version out."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from export import publication
from export.classifier import photographs, record
from export.classifier.backbones import backbone
from export.classifier.beginning import Beginning, begin
from export.classifier.model import Classifier
from export.classifier.publishing import MODEL, publish_classifier
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train
from export.publish import check_place
from export.training import distribution as distributions
from export.training import finished as finished_training
from export.training import keeping
from export.training.destination import Destination
from export.training.distribution import Distribution
from export.training.finished import Finished
from export.training.outcome import Trained
from export.training.policy import PhasePolicy
from export.training.work import AlreadyTrained, Work

log = logging.getLogger(__name__)


def run(
    settings: ClassifierSettings,
    data_dir: Path,
    destination: Destination,
    distribution: Distribution | None = None,
) -> dict[str, Any]:
    """Train, export, verify and publish one classifier.

    Args:
        settings: The run's settings.
        data_dir: A folder of class folders.
        destination: Where the version, and all else, goes.
        distribution: Who trains; None: this process, on one device. Of several workers the chief
            alone publishes.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: Nothing was published; the message says why.
    """
    started = time.monotonic()
    models_dir = destination.models_dir
    check_place(models_dir)
    is_chief = distribution is None or distribution.is_chief

    def open_work(identity: dict[str, Any]) -> Work:
        work = Work.take(destination.work_dir, models_dir / MODEL, identity, writes=is_chief)
        stack.callback(work.close)
        return work

    data = photographs.find(data_dir)
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
        return publication.publish_finished(
            work, finished, publish_classifier, models_dir, run_on_record, started
        )


def _keep(beginning: Beginning, trained: Trained[Classifier], seconds: float) -> None:
    """Write what was trained into the working directory, for publication."""
    finished = Finished(
        model=MODEL,
        settings=beginning.settings.to_json(),
        class_names=beginning.data.photographs.class_names,
        accuracy=trained.accuracy,
        record=record.run_record(beginning, trained, seconds),
        result=record.result(beginning, trained, seconds),
        images=beginning.data.images,
    )
    keeping.keep(
        beginning.work,
        lambda folder: finished_training.write(folder, finished, trained.network.model),
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.classifier.arguments`."""
    distribution = distributions.start(arguments.distribute)  # before anything else of TensorFlow
    spec = backbone(arguments.backbone)
    settings = ClassifierSettings(
        backbone=spec.name,
        image_size=spec.image_size if arguments.image_size is None else arguments.image_size,
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
        Destination.of(arguments),
        distribution,
    )
