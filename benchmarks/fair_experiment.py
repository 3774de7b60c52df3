"""What fine-tuning too early costs, each way of training at the best of its own learning rates.

    python benchmarks/fair_experiment.py DATA OUT [--seeds 5] [--test 80] [--image-size 96]

DATA is a folder of class folders. The last ``--test`` photographs of each class are neither trained
on nor validated with. The ways (arms): random weights; everything unfrozen, at rates around the
head's; everything unfrozen, at rates around fine-tuning's; the head only; two phases. Of each arm's
small grid the rate with the lowest validation loss on one split is taken (seed 1000, used for
nothing else); with it the arm is trained on the splits of the seeds. What is reported is the
accuracy on the test photographs: mean, and Student's 95 % interval over the seeds.

Every training is a line of OUT/fair_experiment.jsonl, by arm, seed, settings and data; what is
there is not repeated. The table goes to standard output, the curves to OUT/fair_experiment.png.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from scipy import stats

from export.classifier import photographs
from export.classifier.settings import ClassifierSettings
from export.classifier.split import inference
from export.errors import NotFiniteError
from export.experiment.results import Results, Row
from export.experiment.variants import VARIANTS, Variant
from export.training import provenance
from export.training.policy import BOLDEST, GENTLEST
from export.training.work import Work

log = logging.getLogger(__name__)

SELECTION_SEED = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Arm:
    """One way of training, and the learning rates that are tried.

    Attributes:
        name: In the results.
        title: In the table.
        variant: How it trains.
        rates: Adam's highest, of the head or of all layers.
        tuning: Shares of the head's rate for phase 2; one where there is no phase 2.
    """

    name: str
    title: str
    variant: Variant
    rates: tuple[float, ...]
    tuning: tuple[float, ...] = (GENTLEST,)

    def grid(self, common: ClassifierSettings, whole_epochs: int) -> list[ClassifierSettings]:
        """Return the settings of every point of the grid."""
        base = self.variant.settings(common, whole_epochs)
        return [
            replace(
                base,
                learning_rate=rate,
                policy=replace(base.policy, learning_rate=rate * share),
            )
            for rate in self.rates
            for share in self.tuning
        ]


ARMS = (
    Arm("random", "random weights, all layers", VARIANTS["random"], (3e-3, 1e-3, 3e-4)),
    Arm("all_high", "everything, the head's rate", VARIANTS["unfrozen"], (3e-3, 1e-3, 3e-4)),
    Arm("all_low", "everything, fine-tuning's rate", VARIANTS["unfrozen"], (1e-4, 3e-5, 1e-5)),
    Arm("head", "head only", VARIANTS["head"], (3e-3, 1e-3, 3e-4)),
    Arm("phases", "two phases", VARIANTS["phases"], (3e-3, 1e-3), (GENTLEST, 0.03, BOLDEST)),
)


class Experiment:
    """Trainings on one data set, each made once."""

    def __init__(self, data: Path, out: Path, test: int) -> None:
        """Divide the data set.

        Args:
            data: A folder of class folders.
            out: Where results and working directories go.
            test: Photographs of each class that are only tested with.
        """
        self.out = out.resolve()
        self._parts = {part: self.out / "data" / part for part in ("train", "test")}
        for folder in sorted(path for path in data.iterdir() if path.is_dir()):
            files = sorted(path for path in folder.iterdir() if path.is_file())
            for part, chosen in (("train", files[:-test]), ("test", files[-test:])):
                place = self._parts[part] / folder.name
                place.mkdir(parents=True, exist_ok=True)
                for path in chosen:
                    link = place / path.name
                    if not link.is_symlink():
                        link.symlink_to(path.resolve())
        files = [path for part in self._parts.values() for path in sorted(part.rglob("*.*"))]
        self._fingerprint = provenance.fingerprint(self.out / "data", files)
        self._results = Results(self.out / "fair_experiment.jsonl")

    def row(self, arm: Arm, settings: ClassifierSettings) -> Row:
        """Return what a training came to, from the results or by training."""
        key = {
            "arm": arm.name,
            "seed": settings.seed,
            "settings": settings.to_json(),
            "data": self._fingerprint,
        }
        found = self._results.find(key)
        if found is None:
            log.info("seed %d, %s, %s", settings.seed, arm.title, _rates(arm, settings))
            found = {**key, **self._train(arm, settings)}
            self._results.add(found)
        return found

    def _train(self, arm: Arm, settings: ClassifierSettings) -> Row:
        keras.backend.clear_session()
        started = time.monotonic()
        beginning = arm.variant.begin(
            settings,
            photographs.find(self._parts["train"]),
            lambda identity: Work.below(self.out, identity),
        )
        trained = arm.variant.train(beginning)
        minutes = (time.monotonic() - started) / 60
        network = trained.network
        model = keras.Model(network.features.input, network.head(network.features.output))
        accuracy, count = self._test(inference(model), settings, network.classes)
        beginning.work.remove()
        return {
            "accuracy": accuracy,
            "test": count,
            "validation_accuracy": trained.kept.accuracy,
            "loss": trained.kept.loss,
            "kept_phase": trained.kept_phase,
            "fine_tuning": trained.fine_tuning.to_json(),
            "history": [epoch for phase in trained.phases for epoch in phase.history],
            "weights": trained.weights.to_json(),
            "versions": provenance.versions(),
            "minutes": round(minutes, 2),
        }

    def _test(self, answer: Any, settings: ClassifierSettings, classes: int) -> tuple[float, int]:
        test = photographs.find(self._parts["test"])
        logits = np.concatenate([answer(pixels) for pixels in test.read(settings.image_size, 32)])
        named = (logits[:, 0] > 0) if classes == 2 else logits.argmax(axis=1)
        labels = np.array(test.labels)
        return round(float((named == labels).mean()), 4), len(labels)


def choose(experiment: Experiment, arm: Arm, grid: Sequence[ClassifierSettings]) -> int:
    """Return the place in the grid of the lowest validation loss on the other split."""
    losses = []
    for settings in grid:
        try:
            losses.append(experiment.row(arm, replace(settings, seed=SELECTION_SEED))["loss"])
        except NotFiniteError as err:  # a rate that is too high is no choice
            log.warning("%s", err)
            losses.append(math.inf)
    return losses.index(min(losses))


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean and Student's interval of some seeds' accuracies."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1)) * error
    return mean, mean - half, mean + half


def _rates(arm: Arm, settings: ClassifierSettings) -> str:
    rate = f"{settings.learning_rate:g}"
    return f"{rate}, then {settings.policy.learning_rate:g}" if len(arm.tuning) > 1 else rate


def _draw(path: Path, rows: dict[str, list[Row]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for number, arm in enumerate(ARMS):
        for seed, row in enumerate(rows[arm.name]):
            accuracies = [epoch["val_accuracy"] for epoch in row["history"]]
            label = arm.title if seed == 0 else None
            axes.plot(
                range(1, len(accuracies) + 1), accuracies, f"C{number}", alpha=0.6, label=label
            )
    axes.set(xlabel="epoch", ylabel="validation accuracy")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Choose each arm's rate, train it on every seed, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--test", type=int, default=80, help="photographs of each class")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--whole-epochs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=50)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    experiment = Experiment(arguments.data, arguments.out, arguments.test)
    common = ClassifierSettings(image_size=arguments.image_size, epochs=arguments.epochs)
    rows: dict[str, list[Row]] = {}
    print("| | rate | test accuracy: mean (95 % interval) | each seed | minutes |")
    print("|---|---|---|---|---|")
    for arm in ARMS:
        grid = arm.grid(common, arguments.whole_epochs)
        settings = grid[choose(experiment, arm, grid)]
        made = [
            experiment.row(arm, replace(settings, seed=seed)) for seed in range(arguments.seeds)
        ]
        rows[arm.name] = made
        accuracies = [row["accuracy"] for row in made]
        mean, low, high = interval(accuracies)
        print(
            f"| {arm.title} | {_rates(arm, settings)} | {mean:.3f} ({low:.3f} to {high:.3f}) | "
            f"{', '.join(f'{accuracy:.3f}' for accuracy in accuracies)} | "
            f"{statistics.mean(row['minutes'] for row in made):.1f} |",
            flush=True,
        )
    _draw(arguments.out / "fair_experiment.png", rows)
    print(json.dumps({"results": str(arguments.out / "fair_experiment.jsonl")}), file=sys.stderr)


if __name__ == "__main__":
    main()
