"""The decision threshold: chosen on validation photographs, recorded, and then only applied.

Two classes: from which probability of the positive class on is it answered? 0.5 is right only for a
calibrated model whose two mistakes cost the same and whose classes are as frequent as in training.
The default rule is Youden's J (true positive rate minus false positive rate), because it does not
depend on how many photographs of each class the validation split happens to hold; ``f1`` takes the
largest F1 of the positive class instead, for when that class is rare and the other is of no
interest.

More classes: thresholds of one class against the rest can contradict one another (two classes above
theirs, or none), so the likeliest class stays the answer, and the threshold says from which
confidence on it is given at all: below, a person should look. The rule is Chow's (1970, "On optimum
recognition error and reject tradeoff"): an answer withheld costs a given share of a wrong one, and
the threshold with the lowest cost wins.

Nothing here sees a holdout: :func:`choose` takes answers on validation photographs, and a record
that was chosen on anything else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import SettingsError
from export.evaluation import cutoff
from export.evaluation.cutoff import ThresholdError

Array = np.ndarray[Any, Any]

YOUDEN, F1, CHOW, GIVEN = "youden", "f1", "chow", "given"
RULES = (YOUDEN, F1)
"""Rules to choose from for two classes."""

WITHHELD_COST = 0.25
"""What an answer withheld costs, where a wrong answer costs 1."""

VALIDATION = "validation"


@dataclass(frozen=True)
class Threshold:
    """From which probability on an answer is given.

    Attributes:
        value: Probability, 0 to 1: of the positive class (two classes), or of the likeliest class
            (more).
        class_names: In label order.
        positive: The positive class; empty for more than two classes.
        rule: How it was chosen: youden, f1, chow, or given by a person.
        interval: Where it lies on other samples of the same size, 95 %.
        chosen_on: What it was chosen on: ``part``, ``photographs``, ``version``, ``fingerprint``.
    """

    value: float
    class_names: tuple[str, ...]
    positive: str
    rule: str
    interval: tuple[float, float] | None = None
    chosen_on: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, probabilities: Array) -> Array:
        """Answer two classes with the threshold; more classes with the likeliest.

        Args:
            probabilities: float [n, C], rows sum to 1.

        Returns:
            int64 [n], the answered classes.
        """
        if not self.positive:
            likeliest: Array = probabilities.argmax(axis=1)
            return likeliest
        positive = self.class_names.index(self.positive)
        # In float64: a float32 value may be rounded to the other side of the threshold.
        scores = probabilities[:, positive].astype(np.float64)
        return np.where(scores >= self.value, positive, 1 - positive)

    def answers(self, probabilities: Array) -> Array:
        """Say which photographs are answered at all.

        Args:
            probabilities: float [n, C], rows sum to 1.

        Returns:
            bool [n]; all true for two classes.
        """
        if self.positive:
            return np.ones(len(probabilities), bool)
        confident: Array = probabilities.max(axis=1).astype(np.float64) >= self.value
        return confident

    def to_json(self) -> dict[str, Any]:
        """Return the record that :func:`read` takes."""
        return {
            "value": self.value,
            "meaning": f"answer {self.positive} from this probability of it on"
            if self.positive
            else "answer the likeliest class from this probability of it on; below, withhold it",
            "rule": self.rule,
            "positive": self.positive or None,
            "class_names": list(self.class_names),
            "interval": list(self.interval) if self.interval else None,
            "chosen_on": dict(self.chosen_on),
        }


@dataclass(frozen=True)
class Purpose:
    """What a threshold is to be good for.

    Attributes:
        rule: For two classes: ``youden`` or ``f1``.
        positive: The positive class of two; None for the second.
        withheld_cost: For more than two classes, what a withheld answer costs, where a wrong one
            costs 1.
    """

    rule: str = YOUDEN
    positive: str | None = None
    withheld_cost: float = WITHHELD_COST


def choose(
    labels: Array,
    probabilities: Array,
    class_names: Sequence[str],
    purpose: Purpose,
    *,
    chosen_on: Mapping[str, Any],
    seed: int,
) -> Threshold:
    """Choose a threshold on validation photographs.

    Args:
        labels: int [n], the true classes.
        probabilities: float [n, C], rows sum to 1.
        class_names: In label order.
        purpose: What it is to be good for.
        chosen_on: What the photographs are, for the record; ``part`` is added.
        seed: Of the interval.

    Raises:
        ThresholdError: One of two classes has no photographs, or all have the same probability.
        SettingsError: ``positive`` is no class of two, or ``withheld_cost`` is not in (0, 1).
    """
    names = tuple(class_names)
    record = {"part": VALIDATION, "photographs": len(labels), **chosen_on}
    if len(names) == 2:
        found = _between_two(labels, probabilities, names, purpose, seed)
    else:
        found = _of_confidence(labels, probabilities, names, purpose, seed)
        record["withheld_cost"] = purpose.withheld_cost
    return replace(found, chosen_on=record)


def _between_two(
    labels: Array, probabilities: Array, names: tuple[str, ...], purpose: Purpose, seed: int
) -> Threshold:
    positive = _positive(purpose.positive, names)
    is_positive = labels == names.index(positive)
    if is_positive.all() or not is_positive.any():
        raise ThresholdError(f"a threshold needs photographs of both {' and '.join(names)}")
    scores = probabilities[:, names.index(positive)].astype(np.float64)
    gain = cutoff.youden if purpose.rule == YOUDEN else cutoff.f1
    value, interval = cutoff.best(scores, is_positive, labels, gain, seed)
    return Threshold(value, names, positive, purpose.rule, interval)


def _of_confidence(
    labels: Array, probabilities: Array, names: tuple[str, ...], purpose: Purpose, seed: int
) -> Threshold:
    if purpose.positive is not None:
        raise SettingsError(f"--positive is for two classes; these are {', '.join(names)}")
    cost = purpose.withheld_cost
    if not 0 < cost < 1:
        raise SettingsError(f"a withheld answer must cost between 0 and 1, got {cost}")
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    value, interval = cutoff.best(
        confidence, right, labels, cutoff.chow(cost), seed, all_above=True
    )
    return Threshold(value, names, "", CHOW, interval)


def _positive(named: str | None, names: tuple[str, ...]) -> str:
    """Return the positive class of two: the one that was named, or the second."""
    positive = names[1] if named is None else named
    if positive not in names:
        raise SettingsError(f"--positive must be one of {', '.join(names)}, got {positive!r}")
    return positive


def read(text: str, class_names: Sequence[str], positive: str | None = None) -> Threshold:
    """Take a threshold as a person gives it.

    Args:
        text: A probability, or a JSON file: what :meth:`Threshold.to_json` gave, or a result of
            ``evaluate classifier --mode validation --json`` with that under ``threshold``.
        class_names: The model's, in label order.
        positive: The positive class that a bare number is about; by default the second of two.

    Raises:
        ThresholdError: The file cannot be read, was not chosen on validation photographs, or
            belongs to a model with other classes.
        SettingsError: It is neither a probability nor a file.
    """
    names = tuple(class_names)
    try:
        value = float(text)
    except ValueError:
        return _from_file(Path(text), names)
    if not 0 <= value <= 1:
        raise SettingsError(f"a threshold is a probability between 0 and 1, received {text}")
    if len(names) == 2:
        positive = _positive(positive, names)
    return Threshold(value, names, positive or "", GIVEN)


def _from_file(path: Path, class_names: tuple[str, ...]) -> Threshold:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise SettingsError(
            f"--threshold takes a probability or a file, received {path}: {err.strerror}"
        ) from err
    except json.JSONDecodeError as err:
        raise ThresholdError(f"{path} is no JSON: {err}") from err
    record = document.get("threshold", document) if isinstance(document, dict) else None
    if not isinstance(record, dict) or not {"value", "rule", "class_names"} <= record.keys():
        raise ThresholdError(
            f"{path} holds no threshold; write one with evaluate classifier --mode validation "
            f"--json {path}"
        )
    chosen_on = record.get("chosen_on") or {}
    if record["rule"] != GIVEN and chosen_on.get("part") != VALIDATION:
        raise ThresholdError(
            f"the threshold in {path} was chosen on {chosen_on.get('part')!r}; only one chosen on "
            "validation photographs says anything about others"
        )
    if tuple(record["class_names"]) != class_names:
        raise ThresholdError(
            f"the threshold in {path} is for classes {record['class_names']}, the model's are "
            f"{list(class_names)}"
        )
    interval = record.get("interval")
    return Threshold(
        float(record["value"]),
        class_names,
        record.get("positive") or "",
        record["rule"],
        (interval[0], interval[1]) if interval else None,
        chosen_on,
    )
