"""Photographs, or features of them, in memory, and which of them are held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from export.training.memory import BatchHalving

Array = np.ndarray[Any, Any]


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
