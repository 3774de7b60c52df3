"""Rows of runs, and versions that carry them, made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from export.lineage.schema import Experiment, Status
from signature_contract.version_files import LINEAGE_FILE

FIRST = "0b5e0f5c-0000-4000-8000-000000000001"


def row(**columns: Any) -> Experiment:
    """Return a published run, some columns otherwise."""
    return Experiment(
        **{
            "model_id": FIRST,
            "model": "classifier",
            "status": Status.PUBLISHED,
            "error": "",
            "created_at": datetime(2026, 11, 25, 3, 0, tzinfo=UTC),
            "base_architecture": "mobilenet_v2",
            "pretrained_weights": "imagenet",
            "pretrained_weights_description": "",
            "pretrained_weights_sha256": "",
            "accuracy_metric": "accuracy",
            "data_fingerprint": "ab" * 32,
            "data_directory": "/data",
            "seed": 0,
            "code_version": "0.1.0",
            "code_commit": "",
            "library_versions": {},
            "settings": {},
            "metrics": {},
            "host": "",
            **columns,
        }
    )


def write_version(directory: Path, experiment: Experiment, **changes: Any) -> Path:
    """Write a version that carries a row, some columns otherwise; return its directory."""
    unknown = {"published_version": None, "published_path": None}
    carried = {**experiment.to_json(), **unknown, **changes}
    (directory / "assets.extra").mkdir(parents=True)
    path = directory / "assets.extra" / LINEAGE_FILE
    path.write_text(json.dumps(carried), encoding="utf-8")
    return directory
