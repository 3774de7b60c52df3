"""The detector: the objects in one image, with their boxes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.detector import arguments
from export.kinds.kind import ModelKind
from export.quiet_import import quiet_tensorflow

if TYPE_CHECKING:
    from export.edge.kind import EdgeKind
    from export.lineage.run import Run
    from export.publish import Published
    from export.report.kind import ReportKind
    from export.training.finished import Finished


def _train(parsed: argparse.Namespace) -> dict[str, Any]:
    from export.detector import intake  # no TensorFlow: mistakes are told before it is loaded

    checked = intake.check(parsed)
    with quiet_tensorflow():
        from export.detector import command

    return command.main(parsed, checked)


def _evaluate(parsed: argparse.Namespace) -> dict[str, Any]:
    from export.detector import evaluation  # loads no TensorFlow: the server does

    return evaluation.main(parsed)


def _publish(finished: Finished, models_dir: Path, run_on_record: Run, tflite: str) -> Published:
    from export.detector.publishing import publish_detector

    return publish_detector(finished, models_dir, run_on_record, tflite)


def _report() -> ReportKind:
    from export.report.detector import REPORT

    return REPORT


def _edge() -> EdgeKind:
    from export.edge.detector import EDGE

    return EDGE


KIND = ModelKind(
    name="detector",
    training_options=arguments.add_arguments,
    train=_train,
    evaluation="mean average precision on a labelled data set",
    evaluation_options=arguments.add_evaluation_arguments,
    evaluate=_evaluate,
    evaluation_keys=("part", "images", "version", "per_class", "map50", "map50_95"),
    publish=_publish,
    report=_report,
    edge=_edge,
)
