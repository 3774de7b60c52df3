"""One worker of a distributed training, run by the tests as a program.

``worker.py DATA MODELS KIND``. It trains and publishes as ``python -m export classifier`` does, but
without dropout: every replica draws its own, and the loss curves are to be compared. With ``none``
it trains in this process alone, publishes nothing and prints the phases' histories as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from export import class_folders
from export.classifier import command, photographs
from export.classifier.beginning import begin
from export.classifier.intake import Intake
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train
from export.errors import ExportError
from export.lineage.recording import Recording
from export.training import distribution
from export.training.destination import Destination
from export.training.policy import PhasePolicy
from export.training.work import Work

SETTINGS = ClassifierSettings(
    image_size=96,
    epochs=10,
    fine_tune_epochs=2,
    batch_size=12,
    dropout=0.0,
    force_fine_tune=True,
    policy=PhasePolicy(patience=10, unfreezing=(10,)),
)


def main(data: Path, models: Path, kind: str) -> int:
    """Train, and say what came of it as the command line does."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    try:
        if kind == "none":
            begun = begin(SETTINGS, photographs.find(data), lambda identity: Work(models, identity))
            alone = train(begun)
            print(json.dumps([phase.history for phase in alone.phases]))
            return 0
        joined = distribution.start(kind, start_timeout_s=120, step_timeout_s=120)
        destination = Destination(models, recording=Recording("none"), tflite="none")
        intake = Intake(SETTINGS, class_folders.find(data), max_skipped=0.05, min_accuracy=None)
        command.run(intake, destination, joined)
    except ExportError as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
