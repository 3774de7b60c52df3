"""What lineage, guards, checkpoints and callbacks add to a training: with and without, in turns.

    python benchmarks/training_overhead.py DATA [--rounds 5] [--image-size 160]

With: the training of ``python -m export classifier`` in two phases, put on record in a lineage
store, guarded, checkpointed after every epoch, TensorBoard's files written. Without: the same
network, features, batches, epochs and unfreezing in a loop of ``fit`` as one would write it by
hand, with the best weights kept and nothing else. Both in one process, one after the other in each
round, the first of them in turn; a round before the first only warms up. Publishing is in neither.

Prints one JSON object: seconds of wall clock and of the processor, medians, and the median of the
rounds' ratios. On a machine that does other things as well the processor's is the one to believe.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from export.classifier import model as models
from export.classifier import photographs
from export.classifier.backbones import BACKBONES
from export.classifier.beginning import begin
from export.classifier.model import Assembly
from export.classifier.pretrained import load_pretrained
from export.classifier.settings import ClassifierSettings
from export.classifier.split import inference
from export.classifier.training import train
from export.lineage.recording import Recording
from export.training.batches import Batches, ShuffledBatches
from export.training.policy import PhasePolicy
from export.training.work import Work


def with_everything(settings: ClassifierSettings, data: Path, place: Path) -> None:
    """Train as the command does, up to publishing."""
    with Recording(f"sqlite:///{place / 'lineage.db'}").run(
        "classifier", settings.to_json(), place
    ):
        beginning = begin(
            settings,
            photographs.find(data),
            lambda identity: Work.below(place, identity),
            place / "events",
        )
        train(beginning)
        beginning.work.remove()


def by_hand(settings: ClassifierSettings, data: Path, place: Path) -> None:
    """Do the same arithmetic with Keras alone."""
    del place
    keras.utils.set_random_seed(settings.seed)
    row = BACKBONES[settings.backbone]
    base = row.build(settings.image_size)
    load_pretrained(base, row, settings.image_size, settings.weights)
    found = photographs.find(data)
    classifier = models.build(row, base, settings, len(found.class_names))
    lower = inference(classifier.lower)
    inputs = np.concatenate(
        [lower(pixels) for pixels in found.read(settings.image_size, settings.batch_size)]
    )
    labels = np.array(found.labels, np.float32)[:, None]
    training, validation = found.split(settings.validation_fraction, settings.seed)

    def fit(model: Any, inputs: Any, rate: float, epochs: int, first_epoch: int) -> None:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=[accuracy])
        best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)

        def read(rows: Any) -> tuple[Any, Any]:
            return inputs[rows], labels[rows]

        batches = ShuffledBatches(read, training, settings.batch_size, settings.seed)
        model.fit(
            batches.dataset(),
            validation_data=Batches(read, validation, settings.batch_size).dataset(),
            initial_epoch=first_epoch,
            epochs=first_epoch + epochs,
            callbacks=[batches, best],
            verbose=0,
        )

    (layers,) = settings.policy.unfreezing
    above = inference(classifier.above(layers))
    pooled = np.concatenate([above(inputs[at : at + 32]) for at in range(0, len(inputs), 32)])
    fit(classifier.head, pooled, settings.learning_rate, settings.epochs, 0)
    models.unfreeze_top(base, layers)
    top = Assembly(classifier.above(layers), classifier.head)
    fit(top, inputs, settings.policy.learning_rate, settings.fine_tune_epochs, settings.epochs)


def main() -> int:
    """Run the rounds; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder of two class folders")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    settings = ClassifierSettings(
        image_size=arguments.image_size,
        epochs=arguments.epochs,
        fine_tune_epochs=arguments.epochs // 2,
        force_fine_tune=True,
        # Neither phase may end early, so that both sides do the same number of epochs.
        policy=PhasePolicy(patience=10_000, unfreezing=(15,)),
    )
    sides: dict[str, Callable[[ClassifierSettings, Path, Path], None]] = {
        "with": with_everything,
        "without": by_hand,
    }
    wall: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(arguments.rounds + 1):
        for name in sorted(sides, reverse=bool(number % 2)):
            with tempfile.TemporaryDirectory() as place:
                started, used = time.monotonic(), time.process_time()
                sides[name](settings, arguments.data, Path(place))
                if number:
                    wall[name].append(time.monotonic() - started)
                    processor[name].append(time.process_time() - used)
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
    ratios = {
        kind: [w / o for w, o in zip(seconds["with"], seconds["without"], strict=True)]
        for kind, seconds in (("wall", wall), ("processor", processor))
    }
    result = {
        "settings": settings.to_json(),
        "seconds": {
            kind: {name: round(statistics.median(values), 2) for name, values in seconds.items()}
            for kind, seconds in (("wall", wall), ("processor", processor))
        },
        "added": {kind: round(statistics.median(values) - 1, 4) for kind, values in ratios.items()},
        "ratios": {kind: [round(value, 4) for value in values] for kind, values in ratios.items()},
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
