"""From a finished training to a published detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from export.detector import golden_cases, pretrained, serving
from export.detector import model as models
from export.detector.backbones import BACKBONES
from export.detector.model import Detector
from export.detector.predictions import Grid
from export.detector.suppression import Suppression
from export.edge.beside import Beside
from export.edge.detector import EDGE
from export.giving_back import give_back
from export.lineage.run import Run
from export.publish import Published, publish_trained
from export.training.finished import Finished
from serving_config.toolkit_contracts import toolkit_contract

MODEL = "detector"


def build(finished: Finished) -> Detector:
    """Build the network that was trained, its weights random."""
    spec = BACKBONES[finished.settings["backbone"]]
    image_size, names = finished.settings["image_size"], finished.class_names
    architecture = finished.network["backbone"]
    backbone, head = pretrained.build(spec, image_size, len(names), architecture)
    grid = Grid(
        image_size,
        tuple(finished.network["strides"]),
        tuple(
            tuple((width, height) for width, height in scale)
            for scale in finished.network["anchors"]
        ),
        finished.settings.get("grid_sensitivity", 1.0),  # older trainings have none
    )
    return models.assemble(spec, backbone, head, grid, names)


def _folded(finished: Finished) -> Detector:
    trained = build(finished)
    finished.fill(trained.model)
    return trained.folded()


def publish_detector(
    finished: Finished, models_dir: Path, run_on_record: Run, tflite: str
) -> Published:
    """Export, verify and place a trained detector.

    Args:
        finished: What was trained.
        models_dir: ``MODELS``; the version goes to ``MODELS/detector/<version>``.
        run_on_record: Whose id the graph carries.
        tflite: Form of the file beside it, see :mod:`export.edge.beside`.

    Returns:
        The version in its place.

    Raises:
        PublishError: Nothing was published.
    """
    settings, detector = finished.settings, _folded(finished)
    give_back()  # the network that was not folded
    limits = Suppression(
        settings["max_detections"], settings["score_threshold"], settings["iou_threshold"]
    )
    bound = toolkit_contract(MODEL).bind(finished.class_names, N=limits.max_detections)
    contract = replace(
        bound,
        parameters={
            **bound.parameters,
            "score_threshold": limits.score_threshold,
            "iou_threshold": limits.iou_threshold,
            "image_size": settings["image_size"],
            "backbone": settings["backbone"],
        },
    )
    cases = golden_cases.make(finished.images, detector, limits, contract)

    return publish_trained(
        finished,
        models_dir,
        run_on_record,
        contract,
        cases,
        lambda path: serving.write(path, detector, limits),
        Beside(EDGE, tflite),
    )
