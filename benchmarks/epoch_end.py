"""What the tuner of ``tf.data`` adds to the end of an epoch, and that our batches do not have it.

    python benchmarks/epoch_end.py

The same small network trains on the same rows, fed to ``fit`` by a ``keras.utils.PyDataset`` and by
:class:`export.training.batches.ShuffledBatches`, in turns. One JSON line each: the seconds between
the last step of an epoch and its end. The tuner's interval is twice as long each time, so that the
wait may be as long as the epoch was.
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

ROWS, BATCH_SIZE, SIDE = 64, 4, 96


class Ends(keras.callbacks.Callback):
    """Notes when steps and epochs end."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.seconds: list[float] = []
        self._last_step = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the last step so far."""
        self._last_step = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note what came after it."""
        self.seconds.append(time.monotonic() - self._last_step)


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
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    pixels = np.random.default_rng(0).random((ROWS, SIDE, SIDE, 3), np.float32)
    labels = np.arange(ROWS) % 2
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            *(keras.layers.Conv2D(filters, 3, activation="relu") for filters in (32, 64, 64)),
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
            ends = Ends()
            model.fit(data, epochs=arguments.epochs, verbose=0, callbacks=[batches, ends])
            seconds[name] += ends.seconds
    for name, found in seconds.items():
        row = {
            "data": name,
            "epochs": len(found),
            "mean_s": round(statistics.mean(found), 3),
            "longest_s": round(max(found), 3),
            "all_s": [round(value, 3) for value in found],
        }
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
