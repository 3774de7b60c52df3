"""``assets.extra/run.json``: how a published classifier came to be.

Evaluation, report and lineage read it; its form is described in ``docs/training.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.classifier.settings import ClassifierSettings
from export.classifier.training import Trained
from export.training import provenance

RUN_FILE = "run.json"


def run_record(
    trained: Trained, settings: ClassifierSettings, data_dir: Path, seconds: float
) -> dict[str, Any]:
    """Describe a finished training.

    Args:
        trained: The trained classifier.
        settings: The run's settings.
        data_dir: The data set's folder, as it was given to ``photographs.find``.
        seconds: Duration of the training.

    Returns:
        What goes into the file, all of it JSON.
    """
    data = trained.photographs
    held_out = set(trained.validation.tolist())
    return {
        "model": "classifier",
        "settings": settings.to_json(),
        "weights": trained.weights.to_json(),
        "classes": list(data.class_names),
        "kept_phase": trained.kept_phase,
        "phases": [phase.to_json() for phase in trained.phases],
        "fine_tuning": trained.fine_tuning.to_json(),
        "batch_norm": trained.batch_norm,
        "notes": list(trained.notes),
        "data": provenance.data_record(
            data_dir,
            [path for position, path in enumerate(data.paths) if position not in held_out],
            [data.paths[position] for position in sorted(held_out)],
        ),
        "skipped": {str(s.path.relative_to(data_dir)): s.reason for s in data.skipped},
        "versions": provenance.versions(),
        "seconds": round(seconds, 1),
    }
