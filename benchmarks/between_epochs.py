"""How long an epoch waits for the tuner of ``tf.data`` of the one before, and ours for none.

    python benchmarks/between_epochs.py

The same small network trains on the same rows, fed to ``fit`` by a ``keras.utils.PyDataset`` and by
:class:`export.training.batches.ShuffledBatches`, in turns. One JSON line each: the seconds between
the beginning of an epoch and its first step, when the iterator of the epoch before is thrown away.
The tuner's interval is twice as long each time, so that the wait may be as long as that epoch was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from export.training.batches import ShuffledBatches

ROWS, BATCH_SIZE, SIDE = 256, 4, 96


class Pauses(keras.callbacks.Callback):
    """Notes how long an epoch's first step has to wait."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.seconds: list[float] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the beginning."""
        self._began = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the wait before the first step."""
        if batch == 0:
            self.seconds.append(time.monotonic() - self._began)


class Usual(keras.utils.PyDataset):
    """The same batches as Keras's documentation would have them."""

    def __init__(self, batches: ShuffledBatches) -> None:
        """Wrap."""
        super().__init__()
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]


def main() -> int:
    """Run the rounds; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    pixels = np.random.default_rng(0).random((ROWS, SIDE, SIDE, 3), np.float32)
    labels = np.arange(ROWS) % 2
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            *(keras.layers.Conv2D(n, 3, strides=2, activation="relu") for n in (16, 32)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    batches = ShuffledBatches(
        lambda rows: (pixels[rows], labels[rows]), np.arange(ROWS), BATCH_SIZE, seed=0
    )
    seconds: dict[str, list[float]] = {"PyDataset": [], "ShuffledBatches": []}
    for _ in range(arguments.rounds):
        for name, data in (("PyDataset", Usual(batches)), ("ShuffledBatches", batches.dataset())):
            pauses = Pauses()
            model.fit(data, epochs=arguments.epochs, verbose=0, callbacks=[batches, pauses])
            seconds[name] += pauses.seconds[1:]  # nothing came before the first
    for name, found in seconds.items():
        row = {
            "data": name,
            "pauses": len(found),
            "mean_s": round(statistics.mean(found), 3),
            "longest_s": round(max(found), 3),
            "all_s": [round(value, 3) for value in found],
        }
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
