"""A moving average of the weights: calmer than they are, and what is kept where it is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from export.training.set_aside import assign

Array = np.ndarray[Any, Any]


class WeightAverage:
    """An exponential moving average of a network's weights, BatchNorm's statistics included."""

    def __init__(self, network: Any, decay: float) -> None:
        """Start from the network's present weights.

        Args:
            network: A Keras model, built.
            decay: Share of the average that stays at each step, 0 to below 1; 0: there is no
                average, and the network's own weights stand for it.
        """
        self._network, self._decay = network, decay
        self._steps = tf.Variable(0.0, trainable=False)
        kept = network.weights if decay else []
        self._averages = [tf.Variable(weight.value, trainable=False) for weight in kept]

    def follow(self) -> None:
        """Take in the network's weights after a step.

        The first steps count for more, ``(1 + n) / (10 + n)`` being the decay after ``n`` of them:
        TensorFlow's rule for an average that has not seen much (``ExponentialMovingAverage``).
        """
        if not self._averages:
            return
        self._steps.assign_add(1.0)
        stays = tf.minimum(self._decay, (1 + self._steps) / (10 + self._steps))
        for average, weight in zip(self._averages, self._network.weights, strict=True):
            average.assign_sub((1 - stays) * (average - weight.value))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the average for a while."""
        own = self._network.get_weights() if self._averages else None
        self.settle()
        try:
            yield
        finally:
            if own is not None:
                self._network.set_weights(own)

    def settle(self) -> None:
        """Give the network the average for good."""
        if self._averages:
            assign(self._network.weights, self._averages)

    def state(self) -> list[Any]:
        """Return the variables that :meth:`go_on` takes up the values of."""
        return [self._steps, *self._averages] if self._averages else []

    def go_on(self, state: Iterable[Array]) -> None:
        """Take up an earlier process's average."""
        assign(self.state(), state)
