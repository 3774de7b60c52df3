"""``assets.extra/run.json``: how a published classifier came to be.

Evaluation, report and lineage read it; its form is described in ``docs/training.md``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from export.classifier.beginning import Beginning
from export.classifier.model import Classifier
from export.classifier.settings import LARGEST_LEAK
from export.classifier.validation import Validation
from export.file_names import escaped
from export.training import provenance
from export.training.outcome import Phase, Trained


def run_record(
    beginning: Beginning, trained: Trained[Classifier], validated: Validation, seconds: float
) -> dict[str, Any]:
    """Describe a finished training.

    Args:
        beginning: What it started from.
        trained: What it came to.
        validated: What it answers about the validation photographs.
        seconds: Duration of the training.

    Returns:
        What goes into the file, all of it JSON.
    """
    data = beginning.data.photographs
    return {
        "model": "classifier",
        "settings": beginning.settings.to_json(),
        "weights": trained.weights.to_json(),
        "classes": list(data.class_names),
        "kept_phase": trained.kept_phase,
        "phases": [phase_record(phase) for phase in trained.phases],
        "fine_tuning": trained.fine_tuning.to_json(),
        "batch_norm": trained.batch_norm,
        "notes": notes(beginning, trained, validated),
        "validation": validated.to_json(),
        "baseline": baseline(beginning),
        "data": beginning.data.record,
        "skipped": {escaped(s.path.relative_to(data.directory)): s.reason for s in data.skipped},
        "duplicates": beginning.data.duplicates,
        "versions": provenance.versions(),
        "seconds": round(seconds, 1),
    }


def notes(beginning: Beginning, trained: Trained[Classifier], validated: Validation) -> list[str]:
    """Return what a reader of the figures should know."""
    found = list(trained.notes)
    pairs = beginning.data.duplicates
    for where, said in (
        ("across_classes", "stand in two class folders, or nearly"),
        ("across_split", "are trained on and validated with, or nearly"),
    ):
        if count := pairs[where]["photographs"]:
            found.append(f"{count} photographs {said}")
    leaks, held_out = pairs["across_split"]["validation"], len(beginning.data.split.validation)
    if leaks > LARGEST_LEAK * held_out:
        found.append(f"{leaks} of {held_out} validation photographs were trained on: --allow-leaks")
    if validated.temperature != 1:
        found.append(
            f"the logits are divided by the temperature {validated.temperature:.3f}, chosen on the "
            "validation photographs"
        )
    return found


def baseline(beginning: Beginning) -> dict[str, Any]:
    """Return what always naming the class that is most frequent in training is right on."""
    split, names = beginning.data.split, beginning.data.photographs.class_names
    largest = int(np.bincount(split.labels[split.training], minlength=len(names)).argmax())
    held_out = split.labels[split.validation]
    return {
        "class": names[largest],
        "share": round(float((held_out == largest).mean()), 4),
        "photographs": len(held_out),
    }


def _decided_by(beginning: Beginning) -> str:
    """Say which photographs chose the kept epoch and gave the accuracy."""
    folders, settings = beginning.data.photographs.folders, beginning.settings
    count = len(beginning.data.split.validation)
    if folders.validation:
        return f"{count} photographs in {escaped(folders.validation.root)}"
    share, seed = settings.validation_fraction, settings.seed
    return (
        f"{count} photographs held out of {escaped(folders.directory)} ({share:.0%}, seed {seed})"
    )


def phase_record(phase: Phase) -> dict[str, Any]:
    """Describe a phase as the record holds it, JSON."""
    return {
        "number": phase.number,
        "name": phase.name,
        "frozen_layers": phase.frozen_layers,
        "learning_rate": phase.learning_rate,
        "batch_size": phase.batch_size,
        "first_epoch": phase.first_epoch,
        "accuracy": phase.accuracy,
        "loss": phase.loss,
        "seconds": phase.seconds,
        "history": list(phase.history),
        "steps": [asdict(step) for step in phase.steps],
    }


def result(
    beginning: Beginning, trained: Trained[Classifier], validated: Validation, seconds: float
) -> dict[str, Any]:
    """Return what the command's result says of the training."""
    data = beginning.data
    held_out = len(data.split.validation)
    return {
        "accuracy": round(trained.accuracy, 4),
        "validation": {
            **validated.to_json(),
            "baseline": baseline(beginning),
            "decided_by": _decided_by(beginning),
        },
        "phases": {
            str(phase.number): {
                "accuracy": round(phase.accuracy, 4),
                "loss": round(phase.loss, 4),
                "epochs": len(phase.history),
                "frozen_layers": phase.frozen_layers,
            }
            for phase in trained.phases
        },
        "kept_phase": trained.kept_phase,
        "fine_tuning": trained.fine_tuning.to_json(),
        "notes": notes(beginning, trained, validated),
        "weights": trained.weights.to_json(),
        "classes": list(data.photographs.class_names),
        "photographs": {
            "training": len(data.photographs.paths) - held_out,
            "validation": held_out,
            "skipped": len(data.photographs.skipped),
        },
        "duplicates": {
            where: found["photographs"] for where, found in beginning.data.duplicates.items()
        },
        "seconds": {"training": round(seconds, 1)},
    }
