"""Stated minimums, so that a pipeline can stop at a model that does not reach them.

A minimum is compared with the lower end of the 95 % interval, unless the measured value itself is
asked for. Forty photographs, thirty-eight of them right, are 0.95, and the interval begins at 0.84:
they do not show that a model reaches 0.9, and a pipeline that lets it through lets chance through.
More photographs make the interval shorter; no other model is needed for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.errors import SettingsError
from export.evaluation.bootstrap import Estimate
from export.evaluation.metrics import Figures

LOW, VALUE = "low", "value"


@dataclass(frozen=True)
class Minimum:
    """A figure and what it has to reach.

    Attributes:
        figure: For instance ``accuracy`` or ``f1 of cat``.
        required: The minimum, 0 to 1.
        found: What was measured.
        compared: ``low`` or ``value``.
        withheld: Whether the value is withheld for want of photographs.
    """

    figure: str
    required: float
    found: Estimate
    compared: str
    withheld: bool = False

    @property
    def met(self) -> bool:
        """Whether it is reached; a value that is withheld or undefined reaches nothing."""
        if self.compared == LOW:
            return self.found.low >= self.required
        return not self.withheld and self.found.value >= self.required

    def __str__(self) -> str:
        value = "withheld" if self.withheld else f"{self.found.value:.4f}"
        found = f"{value} {self.found.interval}"
        if self.met:
            return f"{self.figure} reaches {self.required:g}: {found}"
        if self.compared == LOW and self.found.high >= self.required:
            why = "the photographs do not show it; more of them would tell"
        elif self.withheld and self.compared == VALUE:
            why = "too few photographs to state a value"
        else:
            why = "it is below"
        return f"{self.figure} must reach {self.required:g}, found {found}: {why}"

    def to_json(self) -> dict[str, Any]:
        """Return the minimum as the command line prints it."""
        return {
            "figure": self.figure,
            "minimum": self.required,
            "compared": self.compared,
            **self.found.to_json(),
            **({"value": None} if self.withheld else {}),
            "met": self.met,
            "message": str(self),
        }


def parse_f1(texts: Sequence[str]) -> dict[str, float]:
    """Read ``CLASS=V`` (one class) and ``V`` (each class, under the empty name).

    Raises:
        SettingsError: A value is no number between 0 and 1.
    """
    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            raise SettingsError(
                f"--min-f1 takes CLASS=V or V with V between 0 and 1, received {text!r}"
            )
        found[name] = number
    return found


def check(
    figures: Figures, accuracy: float | None, f1: Mapping[str, float], compared: str
) -> list[Minimum]:
    """Compare figures with what they have to reach.

    Args:
        figures: What was measured.
        accuracy: The least accuracy; None for none.
        f1: The least F1 by class name; the empty name is for each class that is not named.
        compared: ``low`` or ``value``.

    Raises:
        SettingsError: A class is not the model's.
    """
    if unknown := sorted(f1.keys() - figures.classes.keys() - {""}):
        raise SettingsError(
            f"--min-f1 names {', '.join(unknown)}; the classes are {', '.join(figures.classes)}"
        )
    minimums = []
    if accuracy is not None:
        minimums.append(Minimum("accuracy", accuracy, figures.accuracy, compared))
    for name, found in figures.classes.items():
        required = f1.get(name, f1.get(""))
        if required is not None:
            minimums.append(Minimum(f"f1 of {name}", required, found.f1, compared, found.withheld))
    return minimums
