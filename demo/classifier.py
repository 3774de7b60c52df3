"""The demo's classifier: surfaces, or whatever photographs it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demo.kind import Answer, DemoKind, Rows
from python_client import VisionClient
from serving_config.tensor_names import PROBABILITIES
from signature_contract.contract import Contract
from signature_contract.version_files import RUN_FILE, extra


def held_out(version: Path, _scenes: Path) -> list[Path]:
    """Return the photographs that a classifier was not trained on, from all classes in turn."""
    run = json.loads(extra(version, RUN_FILE).read_text(encoding="utf-8"))
    by_class: dict[str, list[Path]] = {}
    data = run["data"]
    for path in (Path(data["directory"], name) for name in data["validation"]):
        by_class.setdefault(path.parent.name, []).append(path)
    rounds = max(map(len, by_class.values()))
    return [paths[i] for i in range(rounds) for paths in by_class.values() if i < len(paths)]


def _ask(
    client: VisionClient, files: Sequence[Path], contract: Contract, _drawn: Path
) -> list[Answer]:
    images = [file.read_bytes() for file in files]
    return [_answer(found.probabilities, contract) for found in client.classify(images)]


def _read(line: Mapping[str, Any], contract: Contract) -> Answer:
    return _answer(line["probabilities"], contract)


def _answer(probabilities: Mapping[str, float], contract: Contract) -> Answer:
    best = max(probabilities, key=lambda name: probabilities[name])
    highest = probabilities[best]
    row = [probabilities.get(name, np.nan) for name in contract.class_names]
    return Answer(f"{best} {highest:.6f}", highest, {PROBABILITIES: np.array([row])})


def _rows(result: Mapping[str, Any], _measured: Mapping[str, Any]) -> Rows:
    photographs = result["photographs"]
    phases = ", ".join(
        f"phase {number} {phase['accuracy']:.4f}" for number, phase in result["phases"].items()
    )
    return [
        (
            "  photographs",
            f"{photographs['training']} to train on, {photographs['validation']} held out, "
            f"{photographs['skipped']} skipped",
        ),
        ("  accuracy", f"{phases}; phase {result['kept_phase']} kept (held-out photographs)"),
    ]


KIND = DemoKind(verb="classify", options=(), ask=_ask, read=_read, files=held_out, rows=_rows)
