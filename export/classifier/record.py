"""``assets.extra/run.json``: how a published classifier came to be.

Evaluation, report and lineage read it; its form is described in ``docs/training.md``.
"""

from __future__ import annotations

from typing import Any

from export.classifier.outcome import Trained
from export.classifier.settings import ClassifierSettings
from export.training import provenance


def run_record(trained: Trained, settings: ClassifierSettings, seconds: float) -> dict[str, Any]:
    """Describe a finished training.

    Args:
        trained: The trained classifier.
        settings: The run's settings.
        seconds: Duration of the training.

    Returns:
        What goes into the file, all of it JSON.
    """
    data = trained.photographs
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
        "data": trained.data,
        "skipped": {s.path.relative_to(data.directory).as_posix(): s.reason for s in data.skipped},
        "versions": provenance.versions(),
        "seconds": round(seconds, 1),
    }
