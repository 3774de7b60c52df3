"""Everything that one set of answers says about a model, for the command and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.evaluation import bootstrap, calibration, metrics
from export.evaluation.answers import Answers
from export.evaluation.bootstrap import Estimate
from export.evaluation.calibration import Calibration
from export.evaluation.metrics import Figures
from export.evaluation.threshold import Threshold

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Withholding:
    """What becomes of answers when those below a threshold are withheld (three classes or more).

    Attributes:
        coverage: Share of photographs that are answered.
        accuracy: Share of the answered that are right.
    """

    coverage: Estimate
    accuracy: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        return {
            "coverage": self.coverage.to_json(),
            "accuracy_of_answered": self.accuracy.to_json(),
        }


@dataclass(frozen=True)
class Assessment:
    """How good the answers are.

    Attributes:
        labels: int64 [n], the true classes, in the answers' order.
        predicted: int64 [n], the answered classes: by the threshold for two classes, otherwise the
            likeliest.
        figures: Of ``predicted``.
        likeliest: Accuracy when the likeliest class is answered, whatever the threshold.
        calibration: Of the probabilities.
        withholding: With a threshold and three classes or more.
    """

    labels: Array
    predicted: Array
    figures: Figures
    likeliest: Estimate
    calibration: Calibration
    withholding: Withholding | None

    @property
    def right(self) -> Array:
        """Whether each answer is right, bool [n]."""
        right: Array = self.predicted == self.labels
        return right

    def to_json(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        document = {
            **self.figures.to_json(),
            "likeliest_class_accuracy": self.likeliest.to_json(),
            "calibration": self.calibration.to_json(),
        }
        if self.withholding:
            document["withholding"] = self.withholding.to_json()
        return document


def assess(
    answers: Answers, label_of: Mapping[Path, int], threshold: Threshold | None, seed: int
) -> Assessment:
    """Compare answers with the truth.

    Args:
        answers: What a version answered.
        label_of: The true class of each photograph.
        threshold: The decision threshold; None answers the likeliest class.
        seed: Of the intervals.
    """
    labels = labels_of(answers, label_of)
    probabilities = answers.probabilities
    predicted = threshold.decide(probabilities) if threshold else answers.predicted
    figures = metrics.measure(labels, predicted, answers.class_names, seed)
    likeliest = (
        figures
        if np.array_equal(predicted, answers.predicted)
        else metrics.measure(labels, answers.predicted, answers.class_names, seed)
    )
    withholding = None
    if threshold and not threshold.positive:
        given = threshold.answers(probabilities)
        right = int(np.count_nonzero(given & (predicted == labels)))
        count = int(np.count_nonzero(given))
        withholding = Withholding(
            bootstrap.proportion(count, len(labels), seed),
            bootstrap.proportion(right, count, seed),
        )
    return Assessment(
        labels,
        predicted,
        figures,
        likeliest.accuracy,
        calibration.measure(labels, probabilities, seed),
        withholding,
    )


def labels_of(answers: Answers, label_of: Mapping[Path, int]) -> Array:
    """Return the true classes in the answers' order, int64 [n]."""
    return np.array([label_of[path] for path in answers.paths], np.int64)
