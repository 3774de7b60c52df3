"""From a finished training to a published classifier."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from export import golden_cases, serving_graph
from export.classifier import gate
from export.classifier import model as models
from export.classifier.backbones import backbone
from export.classifier.model import Classifier
from export.classifier.settings import ClassifierSettings
from export.edge.beside import Beside
from export.edge.classifier import EDGE
from export.errors import PublishError
from export.lineage.run import Run
from export.publish import Published, publish_trained
from export.training.finished import Finished
from serving_config.tensor_names import LOGITS, PROBABILITIES
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.contract import Contract, Tolerance
from signature_contract.golden import GoldenCase
from signature_contract.tolerances import with_tolerances

log = logging.getLogger(__name__)

MODEL = "classifier"

# Folding rounds every kernel anew, where two runtimes share the kernels, so it moves an output
# further than they do: trained networks' logits by up to 1e-4 (measured: 7e-5).
_FOLDING_TOLERANCE = Tolerance(1e-3, 1e-3)


def build(finished: Finished) -> Classifier:
    """Build the network that was trained, its weights random."""
    settings = ClassifierSettings.from_json(finished.settings)
    spec = backbone(settings.backbone)
    base = spec.build(settings.image_size)
    return models.build(spec, base, settings, len(finished.class_names))


def publish_classifier(
    finished: Finished, models_dir: Path, run_on_record: Run, tflite: str
) -> Published:
    """Export, verify and place a trained classifier.

    Args:
        finished: What was trained.
        models_dir: ``MODELS``; the version goes to ``MODELS/classifier/<version>``.
        run_on_record: Whose id the graph carries.
        tflite: Form of the file beside it, see :mod:`export.edge.beside`.

    Returns:
        The version in its place.

    Raises:
        PublishError: Nothing was published.
    """
    finished = gate.on_record(finished)
    classifier = build(finished)
    finished.fill(classifier.model)
    network = classifier.network()
    image_size, names = finished.settings["image_size"], finished.class_names
    contract = _for_temperature(toolkit_contract(MODEL).bind(names), finished)
    cases = golden_cases.make(finished.images, network, image_size, names)
    trained = golden_cases.make(finished.images, classifier.trained(), image_size, names)
    _check_folding(cases, trained)

    return publish_trained(
        finished,
        models_dir,
        run_on_record,
        contract,
        cases,
        lambda path: serving_graph.write_image_model(path, network, image_size, names),
        Beside(EDGE, tflite),
    )


def _for_temperature(contract: Contract, finished: Finished) -> Contract:
    """Widen the tolerances by as much as the temperature widens the logits.

    They are of a network's own rounding, and a temperature below 1 divides that as it divides the
    logits; the faults that they tell from it grow alike.
    """
    calibration = finished.record.get("validation", {}).get("calibration", {})
    temperature = calibration.get("temperature", 1.0)
    if temperature >= 1:
        return contract
    outputs = contract.signature("").outputs
    return with_tolerances(
        contract,
        {
            name: replace(tolerance, absolute=float(f"{tolerance.absolute / temperature:.3g}"))
            for name in (LOGITS, PROBABILITIES)
            for tolerance in (outputs[name].tolerance,)
        },
    )


def _check_folding(served: Sequence[GoldenCase], trained: Sequence[GoldenCase]) -> None:
    """Compare the folded network with the trained one; rounding alone may lie between them."""
    moved = 0.0
    for case, reference in zip(served, trained, strict=True):
        for name in (LOGITS, PROBABILITIES):
            distance = np.abs(case.outputs[name] - reference.outputs[name])
            moved = max(moved, float(distance.max()))
            if not (distance <= _FOLDING_TOLERANCE.limit(reference.outputs[name])).all():
                raise PublishError(
                    f"folding batch normalisation moved {name} of the request {case} by "
                    f"{distance.max():g}, more than rounding can ({_FOLDING_TOLERANCE})"
                )
    log.info("folding batch normalisation moved the outputs by at most %.1e", moved)
