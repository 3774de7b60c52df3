"""The demo's detector: handwritten digits stuck onto photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.kind import MIN_SCORE, Answer, DemoKind, Rows
from python_client import VisionClient, drawing
from serving_config import layout
from signature_contract.contract import Contract


def _ask(
    client: VisionClient, files: Sequence[Path], contract: Contract, drawn: Path
) -> list[Answer]:
    images = [file.read_bytes() for file in files]
    drawn.mkdir(parents=True, exist_ok=True)
    answers = []
    for file, image, found in zip(
        files, images, client.detect(images, min_score=MIN_SCORE), strict=True
    ):
        drawing.draw(image, found).save(drawn / f"{file.stem}.png")
        answers.append(_answer([asdict(one) for one in found], contract))
    return answers


def _read(line: Mapping[str, Any], contract: Contract) -> Answer:
    return _answer(line["detections"], contract)


def _answer(objects: Sequence[Mapping[str, Any]], contract: Contract) -> Answer:
    entries = [
        (
            1 + contract.class_names.index(one["label"]),
            one["score"],
            [one["box"][edge] for edge in ("ymin", "xmin", "ymax", "xmax")],
        )
        for one in objects
    ]
    found = ", ".join(f"{one['label']} {one['score']:.4f}" for one in objects)
    lowest = min((one["score"] for one in objects), default=1.0)
    return Answer(found or "nothing", lowest, layout.detections([entries], contract.bound["N"]))


def _scenes(_version: Path, scenes: Path) -> list[Path]:
    return sorted((scenes / "JPEGImages").iterdir())


def _rows(result: Mapping[str, Any], measured: Mapping[str, Any]) -> Rows:
    images = result["images"]
    return [
        (
            "  scenes",
            f"{images['training']} to train on, {images['validation']} to choose the best epoch "
            f"by, {measured['images']} to measure with",
        ),
        (
            "  mAP@0.5",
            f"{measured['map50']:.3f} ([.5:.95] {measured['map50_95']:.3f}) of the server's "
            "answers; other digits and other photographs than it was trained on",
        ),
    ]


KIND = DemoKind(
    verb="detect",
    options=("--min-score", str(MIN_SCORE)),
    ask=_ask,
    read=_read,
    files=_scenes,
    rows=_rows,
)
