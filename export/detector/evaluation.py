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
from export.detector import coco_metrics, data_sets, pictures
from export.detector.annotations import Sample
from export.detector.detection_arrays import DetectionArrays, detect
from export.errors import ExportError
from export.served_version import ServedVersion
from signature_contract import contract as contracts

log = logging.getLogger(__name__)

_SHEET_IMAGES = 16
_WORST = 5


def evaluate(
    samples: Sequence[Sample], class_names: Sequence[str], server: ServedVersion
) -> tuple[coco_metrics.CocoResult, list[DetectionArrays]]:
    """Ask the server about every sample and measure.

    Args:
        samples: The truth.
        class_names: In label order, as the served version's contract has them.
        server: The server.

    Returns:
        The figures, and the answers in the samples' order.
    """
    found = [detect(server, sample.path.read_bytes()) for sample in samples]
    return coco_metrics.measure(samples, found, class_names), found


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with parsed arguments."""
    version = arguments.version.resolve()
    if not version.name.isdecimal():
        raise ExportError(f"expected a published version MODELS/<model>/<number>, got {version}")
    contract = contracts.load(version)
    data = data_sets.load(
        arguments.data,
        arguments.format,
        on_bad_input=arguments.on_bad_input,
        validation_fraction=arguments.validation_fraction,
        seed=arguments.seed,
        class_names=contract.class_names,
    )
    parts = {"training": data.training, "validation": data.validation}
    samples = parts.get(arguments.part, data.training + data.validation)
    if arguments.server:
        connection = served_version.connect(
            arguments.server, contract.model, int(version.name), contract
        )
    else:
        connection = served_version.start(version)
    with connection as server:
        result, found = evaluate(samples, contract.class_names, server)
    output: dict[str, Any] = {
        "model": contract.model,
        "version": int(version.name),
        "part": arguments.part,
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
