"""The classifier: one label for one image."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.classifier import arguments
from export.evaluation import arguments as evaluation_arguments
from export.kinds.kind import ModelKind
from export.quiet_import import quiet_tensorflow

if TYPE_CHECKING:
    from export.edge.kind import EdgeKind
    from export.lineage.run import Run
    from export.publish import Published
    from export.report.kind import ReportKind
    from export.training.finished import Finished


def _train(parsed: argparse.Namespace) -> dict[str, Any]:
    from export.classifier import intake  # no TensorFlow: mistakes are told at once

    checked = intake.check(parsed)
    with quiet_tensorflow():
        from export.classifier import command

    return command.main(parsed, checked)


def _evaluate(parsed: argparse.Namespace) -> dict[str, Any]:
    from export.evaluation import command  # loads scikit-learn

    return command.main(parsed)


def _publish(finished: Finished, models_dir: Path, run_on_record: Run, tflite: str) -> Published:
    from export.classifier.publishing import publish_classifier

    return publish_classifier(finished, models_dir, run_on_record, tflite)


def _report() -> ReportKind:
    from export.report.classifier import REPORT

    return REPORT


def _edge() -> EdgeKind:
    from export.edge.classifier import EDGE

    return EDGE


KIND = ModelKind(
    name="classifier",
    training_options=arguments.add_arguments,
    train=_train,
    evaluation="accuracy, F1, calibration, leaks and drift",
    evaluation_options=evaluation_arguments.add_arguments,
    evaluate=_evaluate,
    evaluation_keys=("mode", "photographs", "data", "answered_by", "classes"),
    publish=_publish,
    report=_report,
    edge=_edge,
)
