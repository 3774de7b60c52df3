"""Arrays in memory as training batches and a validation split."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.training.memory import BatchHalving

Array = np.ndarray[Any, Any]


class Batches(keras.utils.PyDataset):
    """Arrays as shuffled batches; the order depends on the seed and the epoch alone.

    So a training that goes on at epoch 7 sees what it would have seen there.
    """

    def __init__(
        self,
        inputs: Array,
        labels: Array,
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
    ) -> None:
        """Keep the arrays, without copying them.

        Args:
            inputs: [examples, …].
            labels: [examples, …].
            batch_size: Examples a batch; the last one has the rest.
            seed: Of the order.
            first_epoch: The epoch that comes first, counted from 0.
        """
        super().__init__()
        self._inputs, self._labels, self._batch_size = inputs, labels, batch_size
        self._seed, self._epoch = seed, first_epoch
        self._draw()

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._inputs[chosen], self._labels[chosen]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self._epoch += 1
        self._draw()

    def _draw(self) -> None:
        random = np.random.default_rng([self._seed, self._epoch])
        self._order = random.permutation(len(self._labels))


@dataclass(frozen=True)
class Split:
    """Photographs, or features of them, and who trains on which.

    Attributes:
        inputs: float32 [photographs, …].
        labels: int32 [photographs].
        training: Positions of the training photographs.
        validation: Positions of the held-out photographs.
    """

    inputs: Array
    labels: Array
    training: Array
    validation: Array

    def map(self, model: Any, memory: BatchHalving) -> Split:
        """Return the split of a model's outputs, computed once.

        Args:
            model: Of ``inputs``, to [photographs, …].
            memory: Calls it on as much as fits.
        """
        features = inference(model)
        outputs = [
            memory.map(features, self.inputs[start : start + 32])
            for start in range(0, len(self.inputs), 32)
        ]
        return Split(np.concatenate(outputs), self.labels, self.training, self.validation)


def inference(model: Any) -> Callable[[Array], Array]:
    """Return a model as a function of batches of any size, built once.

    ``predict`` builds it again for every new batch size, and a data set has a last batch.
    """
    specification = tf.TensorSpec([None, *model.input.shape[1:]], tf.float32)

    call = tf.function(lambda batch: model(batch, training=False), input_signature=[specification])
    return lambda batch: np.asarray(call(tf.convert_to_tensor(batch)))
