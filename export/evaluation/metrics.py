"""Precision, recall and F1 of each class, accuracy, the confusion matrix: with intervals.

scikit-learn computes the figures. The intervals are computed of drawn confusion matrices, all at
once (:mod:`export.evaluation.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from export.evaluation import bootstrap
from export.evaluation.bootstrap import Estimate

Array = np.ndarray[Any, Any]

ENOUGH = 30
"""Photographs of a class below which its F1 is withheld and only the interval shown."""


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from the others.

    Attributes:
        support: Photographs of it.
        precision: Share of those answered as it that are; undefined if none was.
        recall: Share of its photographs that were answered as it.
        f1: Harmonic mean of the two.
    """

    support: int
    precision: Estimate
    recall: Estimate
    f1: Estimate

    @property
    def withheld(self) -> bool:
        """Whether there are too few photographs to state an F1."""
        return self.support < ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Return the figures; a withheld F1 has the value null, its interval and the reason."""
        f1 = self.f1.to_json()
        if self.withheld:
            f1["value"] = None
            f1["withheld"] = f"{self.support} photographs, fewer than {ENOUGH}"
        return {
            "support": self.support,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": f1,
        }


@dataclass(frozen=True)
class Figures:
    """How good a set of answers is.

    Attributes:
        accuracy: Share of photographs answered right.
        balanced_accuracy: Mean of the classes' recalls.
        macro_f1: Mean of the classes' F1.
        classes: By class name, in label order.
        confusion: int [C, C], photographs by true class (row) and answered class (column).
    """

    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    classes: dict[str, ClassFigures]
    confusion: Array

    @property
    def photographs(self) -> int:
        """How many were measured."""
        return int(self.confusion.sum())

    def to_json(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        return {
            "photographs": self.photographs,
            "accuracy": self.accuracy.to_json(),
            "balanced_accuracy": self.balanced_accuracy.to_json(),
            "macro_f1": self.macro_f1.to_json(),
            "classes": {name: figures.to_json() for name, figures in self.classes.items()},
            "confusion": self.confusion.tolist(),
        }


def measure(labels: Array, predicted: Array, class_names: Sequence[str], seed: int) -> Figures:
    """Compare answers with the truth.

    Args:
        labels: int [n], the true classes.
        predicted: int [n], the answered classes.
        class_names: In label order.
        seed: Of the intervals.

    Raises:
        ValueError: There are no photographs.
    """
    if not len(labels):
        raise ValueError("no photographs to measure")
    every = np.arange(len(class_names))
    confusion: Array = confusion_matrix(labels, predicted, labels=every)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=np.nan
    )
    by_class = bootstrap.confusions(confusion, _class_figures, seed, pooled=False)
    overall = bootstrap.confusions(confusion, _overall_figures, seed, pooled=True)
    present = support > 0  # a class without photographs has no recall to average
    points = (
        float(np.mean(labels == predicted)),
        float(recall[present].mean()),
        float(f1[present].mean()),
    )
    accuracy, balanced_accuracy, macro_f1 = (
        bootstrap.estimate(point, overall[:, i]) for i, point in enumerate(points)
    )
    # scikit-learn gives a class without photographs F1 0; there is nothing to be wrong about.
    f1 = np.where(present, f1, np.nan)
    classes = {}
    for label, name in enumerate(class_names):
        of_class = (
            bootstrap.estimate(float(values[label]), by_class[:, i, label])
            for i, values in enumerate((precision, recall, f1))
        )
        classes[name] = ClassFigures(int(support[label]), *of_class)
    return Figures(accuracy, balanced_accuracy, macro_f1, classes, confusion)


def _class_figures(confusion: Array) -> Array:
    """Return float [B, 3, C]: precision, recall and F1; NaN where a denominator is 0."""
    right = np.diagonal(confusion, axis1=1, axis2=2)
    true, answered = confusion.sum(axis=2), confusion.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([right / answered, right / true, 2 * right / (true + answered)], axis=1)


def _overall_figures(confusion: Array) -> Array:
    """Return float [B, 3]: accuracy, balanced accuracy and macro F1."""
    present = confusion[0].sum(axis=1) > 0
    of_classes = _class_figures(confusion)[:, :, present]
    right = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return np.stack([right, of_classes[:, 1].mean(axis=1), of_classes[:, 2].mean(axis=1)], axis=1)
