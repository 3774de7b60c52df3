"""How a detector trains: its network with the loss, and Adam with two rates."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from export.detector.loss import detection_loss
from export.detector.predictions import Grid
from export.detector.settings import LossSettings
from export.detector.weight_average import WeightAverage


class TrainingModel(keras.Model):
    """A network with the detection loss; each term is a metric of its own."""

    def __init__(
        self, network: Any, grid: Grid, loss: LossSettings, average: WeightAverage
    ) -> None:
        """Wrap ``network``, sharing its layers.

        Args:
            network: Inputs to raw predictions.
            grid: Geometry of the predictions.
            loss: Weights and thresholds.
            average: Follows every step.
        """
        super().__init__()
        self.network = network
        self._average = average
        self._grid, self._loss_settings = grid, loss
        self._terms = {
            name: keras.metrics.Mean(name=f"{name}_loss") for name in ("box", "objectness", "class")
        }

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the raw predictions."""
        return self.network(inputs, training=training)

    def train_step(self, data: Any) -> Any:
        """Train one step, and let the average follow."""
        said = super().train_step(data)
        self._average.follow()
        return said

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002  # Keras's signature
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002
        training: bool = True,  # noqa: ARG002
    ) -> Any:
        """Return the sum of the terms."""
        terms = detection_loss(y_pred, y["boxes"], y["classes"], self._grid, self._loss_settings)
        for name, value in terms.items():
            self._terms[name].update_state(value)
        return tf.add_n(list(terms.values()))


class TwoRates(keras.optimizers.Adam):
    """Adam with a smaller rate for some variables.

    A gradient that is merely scaled would not do: Adam divides by the gradient's own size.
    """

    def __init__(self, learning_rate: Any, slow: Any, share: float, **options: Any) -> None:
        """Set up.

        Args:
            learning_rate: Rate or schedule.
            slow: Variables that train at ``share`` of it.
            share: Between 0 and 1.
            options: Adam's.
        """
        super().__init__(learning_rate, **options)
        self._slow = {id(variable) for variable in slow}
        self._share = share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable at its rate."""
        if id(variable) in self._slow:
            learning_rate = learning_rate * self._share
        super().update_step(gradient, variable, learning_rate)
