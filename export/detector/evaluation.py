"""``python -m export evaluate detector``: how good is what the *server* answers?

Measured on the served graph, so that decoding, letterbox, suppression and thresholds are inside
the figures: what a caller gets, not what the network could have given.
"""

from __future__ import annotations

import argparse
import logging
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import served_version
from export.detector import coco_metrics, pictures
from export.detector.detection_arrays import DetectionArrays, detect
from export.errors import DataSetError, ExportError, SettingsError
from export.labels import data_sets, recorded
from export.labels.arguments import PARTS
from export.labels.preparation import Reading
from export.labels.samples import Sample
from export.served_version import ServedVersion
from signature_contract import contract as contracts
from signature_contract.contract import Contract

log = logging.getLogger(__name__)

_SHEET_IMAGES = 16
_WORST = 5


def evaluate(
    samples: Sequence[Sample], contract: Contract, server: ServedVersion
) -> tuple[coco_metrics.CocoResult, list[DetectionArrays]]:
    """Ask the server about every sample and measure, up to as many detections as it answers.

    Args:
        samples: The truth.
        contract: The served version's: its classes, and how many detections it answers.
        server: The server.

    Returns:
        The figures, and the answers in the samples' order.
    """
    found = [detect(server, sample.path.read_bytes()) for sample in samples]
    most = contract.bound.get("N", coco_metrics.COCO_DETECTIONS)
    return coco_metrics.measure(samples, found, contract.class_names, most), found


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with parsed arguments."""
    version = arguments.version.resolve()
    if not version.name.isdecimal():
        raise ExportError(f"expected a published version MODELS/<model>/<number>, got {version}")
    _check_options(arguments)
    contract = contracts.load(version)
    reading = Reading(
        contract.class_names,
        arguments.on_bad_input,
        arguments.validation_fraction,
        arguments.seed,
        need_objects=False,
    )
    data = data_sets.load(arguments.data, arguments.format, reading)
    part, samples = recorded.choose(data, arguments.data, recorded.read(version), arguments.part)
    _check_objects(samples, PARTS[part])
    log.info("measured on %d images: %s", len(samples), PARTS[part])
    if arguments.server:
        connection = served_version.connect(
            arguments.server, contract.model, int(version.name), contract
        )
    else:
        connection = served_version.start(version)
    with connection as server:
        result, found = evaluate(samples, contract, server)
    output: dict[str, Any] = {
        "model": contract.model,
        "version": int(version.name),
        "part": part,
        "max_detections": contract.bound.get("N"),
        "images": len(samples),
        "parameters": dict(contract.parameters),
        **result.to_json(),
        "p50_ms": round(statistics.median(answer.seconds for answer in found) * 1000, 1),
    }
    if arguments.pictures:
        output["pictures"] = _save(
            arguments.pictures, samples, found, contract.class_names, arguments.score
        )
    return output


def _check_options(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.score <= 1:
        raise SettingsError(f"--score takes a score from 0 to 1, received {arguments.score}")
    if not 0 < arguments.validation_fraction < 1:
        raise SettingsError(
            "--validation-fraction must lie between 0 and 1, received "
            f"{arguments.validation_fraction}"
        )


def _check_objects(samples: Sequence[Sample], of_what: str) -> None:
    if not any(len(sample.boxes) and not sample.ignored.all() for sample in samples):
        raise DataSetError(
            f"no box of the version's classes is on the {len(samples)} images of {of_what}: there "
            "is nothing to measure"
        )


def _save(
    directory: Path,
    samples: Sequence[Sample],
    found: Sequence[DetectionArrays],
    class_names: Sequence[str],
    score: float,
) -> dict[str, Any]:
    directory.mkdir(parents=True, exist_ok=True)
    pairs = list(zip(samples, found, strict=True))
    sheet = directory / "predictions.png"
    drawn = [pictures.draw(s, f, class_names, score) for s, f in pairs[:_SHEET_IMAGES]]
    pictures.save_sheet(sheet, drawn)
    quality = [pictures.f1(s, f, score) for s, f in pairs]
    worst = sorted(range(len(pairs)), key=quality.__getitem__)[:_WORST]
    files = []
    for rank, index in enumerate(worst, 1):
        path = directory / f"worst_{rank}_{samples[index].path.stem}.png"
        pictures.draw(*pairs[index], class_names, score).save(path)
        files.append(
            {"path": str(path), "image": str(samples[index].path), "f1": round(quality[index], 3)}
        )
    return {"sheet": str(sheet), "worst": files}
