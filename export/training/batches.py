"""Batches for ``fit``, fed to it without the tuner of ``tf.data``.

Each iterator of a ``tf.data`` pipeline starts a thread that tunes the pipeline at growing intervals
(10 ms, then twice as long each time), and waits for that thread when it is thrown away, as the next
epoch begins. The thread should stop at once then, but often sleeps on until its interval is over
(TensorFlow 2.21; it seems to be woken before the flag that it looks at is set). Meanwhile nothing
runs: an epoch of 41 s took 82. What goes to ``fit`` from here has no such thread.
Keras makes such pipelines of arrays and of its own ``PyDataset`` too, hence :class:`Batches`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]


class Batches:
    """Rows as batches, in their order."""

    def __init__(self, read: Callable[[Array], Any], rows: Array, batch_size: int) -> None:
        """Set up; nothing is read yet.

        Args:
            read: Numbers of rows, int64 [n], to a batch as ``fit`` takes it: arrays [n, …], nested.
            rows: Numbers of all rows, int64, at least one.
            batch_size: Rows a batch; the last one has the rest.
        """
        super().__init__()
        self._read, self._batch_size = read, batch_size
        self._order = rows

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, index: int) -> Any:
        return self._read(self._order[index * self._batch_size : (index + 1) * self._batch_size])

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def dataset(self) -> tf.data.Dataset:
        """Return the batches for ``fit``, each read when it is needed or one step before."""
        # TensorFlow keeps a generator, and all it refers to, until the process ends: the features
        # of a phase that is over, and by way of a callback its optimiser.
        batches = weakref.ref(self)
        dataset = tf.data.Dataset.from_generator(
            lambda: iter(cast("Batches", batches())),
            output_signature=keras.tree.map_structure(
                lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), self[0]
            ),
        )
        counted = dataset.apply(tf.data.experimental.assert_cardinality(len(self)))
        whole = untuned(counted.prefetch(1))
        whole.batches = self  # for as long as somebody has the dataset
        return whole


class ShuffledBatches(Batches, keras.callbacks.Callback):
    """Rows as batches, in an order that depends on the seed and the epoch's number alone.

    So a training that goes on at epoch 7 sees what it would have seen there. As a callback it
    learns which epoch begins::

        model.fit(batches.dataset(), callbacks=[batches, …])
    """

    def __init__(
        self, read: Callable[[Array], Any], rows: Array, batch_size: int, seed: int
    ) -> None:
        """Set up, as :class:`Batches`, with the seed of the order."""
        super().__init__(read, rows, batch_size)
        self._rows, self._seed = rows, seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Draw the order of an epoch, counted from 0."""
        self._order = np.random.default_rng([self._seed, epoch + 1]).permutation(self._rows)


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return a pipeline without tuner; ``AUTOTUNE`` in it then means one task a core."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
