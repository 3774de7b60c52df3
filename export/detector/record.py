"""What is kept of a detector's training: for ``run.json`` and for the command's result."""

from __future__ import annotations

from typing import Any

from export.detector.beginning import Beginning
from export.detector.model import Detector
from export.detector.pretrained import architecture_of
from export.training import provenance
from export.training.outcome import Phase, Trained


def run_record(
    beginning: Beginning, trained: Trained[Detector], data_record: dict[str, Any]
) -> dict[str, Any]:
    """Describe a finished training.

    Args:
        beginning: What it started from.
        trained: What it came to.
        data_record: What :func:`data_record` gave.

    Returns:
        What ``run.json`` holds, all of it JSON.
    """
    grid = trained.network.grid
    return {
        "settings": beginning.settings.to_json(),
        "weights": trained.weights.to_json(),
        "anchors": grid.anchors,
        "strides": grid.strides,
        "anchor_iou": beginning.anchor_iou,
        "phases": {phase.name: phase.history for phase in trained.phases},
        "batch_norm": trained.batch_norm,
        "notes": list(trained.notes),
        "frozen_layers": trained.kept.frozen_layers,
        "data": data_record,
        "problems": [str(problem) for problem in beginning.data.problems],
        "versions": provenance.versions(),
    }


def network_record(detector: Detector) -> dict[str, Any]:
    """Return what is needed besides the settings to build the network again."""
    return {
        "strides": detector.grid.strides,
        "anchors": detector.grid.anchors,
        "backbone": architecture_of(detector.spec, detector.backbone),
    }


def result(
    beginning: Beginning, trained: Trained[Detector], backbone_change: float, seconds: float
) -> dict[str, Any]:
    """Return what the command's result says of the training.

    Args:
        beginning: What it started from.
        trained: What it came to.
        backbone_change: Largest absolute change of a backbone weight, 0 when it stayed frozen.
        seconds: Duration of the training.
    """
    data = beginning.data
    return {
        "map50": round(trained.accuracy, 4),
        "phases": [_phase(phase) for phase in trained.phases],
        "backbone_change": backbone_change,
        "notes": list(trained.notes),
        "weights": trained.weights.to_json(),
        "classes": list(data.class_names),
        "images": {
            "training": len(data.training),
            "validation": len(data.validation),
            "problems": len(data.problems),
        },
        "seconds": {"training": round(seconds, 1)},
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "map50": round(phase.accuracy, 4),
        "kept_epoch": phase.kept_epoch,
        "epochs": len(phase.history),
        "seconds": round(phase.seconds, 1),
        **({"resumed_after": phase.resumed_after} if phase.resumed_after else {}),
    }
