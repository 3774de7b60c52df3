"""What augmentation and calibration bring, by the number of photographs.

    python benchmarks/augmentation.py DATA [--sizes 20 100 320] [--seeds 3] [--epochs 15]

DATA is a folder of class folders. The last ``--test`` photographs of each class are never trained
on; of the others as many as each size says are trained on (a fifth of them validates). Accuracy,
and the expected calibration error before and after the temperature, are of the test photographs.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from export.classifier import photographs, validation
from export.classifier.beginning import begin
from export.classifier.settings import RECIPES, ClassifierSettings
from export.classifier.split import inference
from export.classifier.temperature import expected_error
from export.classifier.training import train
from export.training.work import Work

ARMS: dict[str, tuple[str, ...]] = {"none": (), **RECIPES}


def main() -> None:
    """Train every combination; print a JSON line each, then a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 100, 320])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    table: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        for size in arguments.sizes:
            for seed in range(arguments.seeds):
                home = Path(scratch) / f"{size}_{seed}"
                _choose(arguments.data, home, size, arguments.test, seed)
                for name, augment in ARMS.items():
                    settings = ClassifierSettings(
                        epochs=arguments.epochs, fine_tune_epochs=0, augment=augment, seed=seed
                    )
                    row = _measure(settings, home)
                    print(json.dumps({"size": size, "augment": name, "seed": seed, **row}))
                    table[size, name].append(row)
    print("photographs a class | augment | accuracy (seeds) | calibration error | after | seconds")
    for (size, name), rows in table.items():
        accuracies = [row["accuracy"] for row in rows]
        before, after, seconds = (
            np.mean([row[key] for row in rows])
            for key in ("error_before", "error_after", "seconds")
        )
        print(
            f"{size} | {name} | {np.mean(accuracies):.4f} ({min(accuracies):.3f} to "
            f"{max(accuracies):.3f}) | {before:.3f} | {after:.3f} | {seconds:.0f}"
        )


def _choose(data: Path, home: Path, size: int, test: int, seed: int) -> None:
    """Link the test photographs, and some of the others to train on."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        files = sorted(path for path in folder.iterdir() if path.is_file())
        chosen = np.random.default_rng(seed).permutation(len(files) - test)[:size]
        for part, paths in (
            ("train", [files[position] for position in chosen]),
            ("test", files[-test:]),
        ):
            (home / part / folder.name).mkdir(parents=True)
            for path in paths:
                (home / part / folder.name / path.name).symlink_to(path.resolve())


def _measure(settings: ClassifierSettings, home: Path) -> dict[str, Any]:
    keras.backend.clear_session()
    work = home / "work"
    started = time.monotonic()
    beginning = begin(
        settings, photographs.find(home / "train"), lambda identity: Work.below(work, identity)
    )
    trained = train(beginning)
    seconds = time.monotonic() - started
    network = trained.network
    answer = inference(keras.Model(network.features.input, network.head(network.features.output)))
    test = photographs.find(home / "test")
    rows = [answer(batch) for batch in test.read(settings.image_size, 32)]
    logits = np.concatenate(rows)
    logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    labels = np.array(test.labels)
    temperature = validation.validate(beginning, trained).temperature
    beginning.work.remove()
    shutil.rmtree(work, ignore_errors=True)
    return {
        "accuracy": round(float((logits.argmax(axis=1) == labels).mean()), 4),
        "epochs": len(trained.phases[0].history),
        "temperature": round(temperature, 3),
        "error_before": round(expected_error(logits, labels), 4),
        "error_after": round(expected_error(logits / temperature, labels), 4),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
