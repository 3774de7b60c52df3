"""What the trained classifier answers about its validation photographs, and its temperature.

The temperature goes into the last layer's weights, so that the graph stays what it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from export.classifier.beginning import Beginning
from export.classifier.model import Classifier
from export.classifier.split import inference
from export.classifier.temperature import expected_error, fit_temperature
from export.file_names import escaped
from export.training.outcome import Trained
from export.training.policy import wilson_interval

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_ROWS = 32
_NAMED = 50  # mistaken photographs on record


@dataclass(frozen=True)
class Validation:
    """Answers about the validation photographs.

    Attributes:
        logits: float32 [n, C], before the temperature.
        labels: int32 [n].
        names: Of the photographs, below the data set.
        class_names: In column order.
        temperature: What the logits are divided by; 1 where nothing is.
        why_not: Why there is no temperature; empty: there is one.
    """

    logits: Array
    labels: Array
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    temperature: float
    why_not: str

    @property
    def predicted(self) -> Array:
        """The likeliest class of each, int64 [n]."""
        return np.asarray(self.logits.argmax(axis=1))

    def to_json(self) -> dict[str, Any]:
        """Return it as ``run.json`` and the command's result hold it."""
        right = self.predicted == self.labels
        low, high = wilson_interval(float(right.mean()), len(right))
        wrong = np.flatnonzero(~right)
        return {
            "accuracy": round(float(right.mean()), 4),
            "accuracy_interval": [round(low, 4), round(high, 4)],
            "recall": {
                name: {
                    "value": round(float(right[self.labels == label].mean()), 4),
                    "photographs": int((self.labels == label).sum()),
                }
                for label, name in enumerate(self.class_names)
            },
            "mistaken": {
                self.names[row]: self.class_names[int(self.predicted[row])]
                for row in wrong[:_NAMED].tolist()
            },
            "calibration": {
                "temperature": round(self.temperature, 4),
                "reason": self.why_not,
                "expected_error": {
                    "before": round(expected_error(self.logits, self.labels), 4),
                    "after": round(expected_error(self.logits / self.temperature, self.labels), 4),
                },
            },
        }


def validate(beginning: Beginning, trained: Trained[Classifier]) -> Validation:
    """Ask the trained network about its validation photographs; give it its temperature.

    Args:
        beginning: What the training started from.
        trained: What it came to; its head's last layer is divided by the temperature.
    """
    split, data = beginning.data.split, beginning.data.photographs
    network = trained.network
    logits = _logits(beginning, network)
    labels = split.labels[split.validation]
    temperature, why_not = 1.0, "not asked for"
    if beginning.settings.calibrate:
        temperature, why_not = fit_temperature(logits, labels)
        _divide(network, temperature)
        log.info("temperature %.3f%s", temperature, f": {why_not}" if why_not else " on validation")
    names = tuple(
        escaped(data.paths[position].relative_to(data.directory))
        for position in split.validation.tolist()
    )
    return Validation(logits, labels, names, data.class_names, temperature, why_not)


def _logits(beginning: Beginning, network: Classifier) -> Array:
    split = beginning.data.split
    if beginning.caches:
        above = network.above(beginning.settings.policy.unfreezing[-1])
        model = keras.Model(above.input, network.head(above.output))
    else:
        model = keras.Model(network.features.input, network.head(network.features.output))
    answer = inference(model)
    rows = [
        beginning.memory.map(answer, split.inputs[split.validation[start : start + _ROWS]])
        for start in range(0, len(split.validation), _ROWS)
    ]
    logits = np.concatenate(rows)
    if network.classes == 2:  # a single logit z stands for [0, z]
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return logits


def _divide(network: Classifier, temperature: float) -> None:
    last = network.head.get_layer("logits")
    last.set_weights([weights / temperature for weights in last.get_weights()])
