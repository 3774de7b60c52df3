"""What a version's ``run.json`` records, read part by part.

A report is asked for when something looks wrong, so it must not stand or fall with a complete
record: a part that is missing, or that an earlier release wrote differently, becomes a sentence in
:attr:`RunRecord.missing`, and the rest is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from export.training.policy import LARGEST_SHIFT
from signature_contract.version_files import RUN_FILE, extra

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One unfreezing.

    Attributes:
        unfrozen_layers: How many layers of the base train from then on, counted from its top.
        first_epoch: 1-based, counted through all phases.
        learning_rate: From then on; None when it is not recorded.
    """

    unfrozen_layers: int
    first_epoch: int
    learning_rate: float | None = None


@dataclass(frozen=True)
class RecordedPhase:
    """One phase of training.

    Attributes:
        number: From 1.
        name: ``head``, ``top`` or ``whole``; may be empty.
        first_epoch: 1-based, counted through all phases.
        history: Per epoch, metric by name.
        steps: The unfreezings, in order.
        frozen_layers: Layers of the base that stayed frozen to its end; None when not recorded.
        learning_rate: None when not recorded, as for the rest.
        batch_size: In photographs.
        seconds: What it took.
        accuracy: On the validation split, 0 to 1, of the phase's best weights.
        loss: On the validation split, of the same weights.
    """

    number: int
    name: str
    first_epoch: int
    history: tuple[Mapping[str, float], ...]
    steps: tuple[Step, ...] = ()
    frozen_layers: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    seconds: float | None = None
    accuracy: float | None = None
    loss: float | None = None

    def __str__(self) -> str:
        return f"phase {self.number}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True)
class RecordedFineTuning:
    """Whether phase 2 ran, and why not.

    Attributes:
        decision: ``started``, ``refused``, ``forced`` or ``not asked``.
        missing: What the head lacked, with figures.
        rolled_back: Whether the frozen weights were put back afterwards.
        reason: Why they were; may be empty.
    """

    decision: str
    missing: tuple[str, ...] = ()
    rolled_back: bool = False
    reason: str = ""


@dataclass(frozen=True)
class BatchNormShifts:
    """How far the moving statistics of the base moved.

    Attributes:
        threshold: Relative shift that raises an alarm.
        by_phase: Phase number → layer name → relative shift, layers from input to output;
            infinite when a statistic was no longer finite.
        alarms: One text each.
    """

    threshold: float
    by_phase: Mapping[int, Mapping[str, float]]
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """A run, as far as it was recorded.

    Attributes:
        phases: In order; empty when there is no record of them.
        kept_phase: Number of the phase whose weights were published; None when not recorded.
        fine_tuning: None when not recorded.
        batch_norm: None when not recorded.
        settings: Setting by name.
        weights: ``source``, ``description``, ``sha256`` of what the base started from.
        notes: What a person should know of the run.
        data_dir: Where the data set was; None when not recorded.
        training: Photographs trained on, POSIX paths relative to ``data_dir``.
        validation: Photographs held out, likewise.
        fingerprint: Of the data set, sha256 in hexadecimal digits; may be empty.
        skipped: Reason by path.
        versions: Of libraries, by name.
        seconds: What the run took; None when not recorded.
        missing: What is not there, one sentence each, for the page.
    """

    phases: tuple[RecordedPhase, ...] = ()
    kept_phase: int | None = None
    fine_tuning: RecordedFineTuning | None = None
    batch_norm: BatchNormShifts | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    data_dir: Path | None = None
    training: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    fingerprint: str = ""
    skipped: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    missing: tuple[str, ...] = ()

    @property
    def kept(self) -> RecordedPhase | None:
        """The phase whose weights were published; the last one where the record does not say."""
        for phase in self.phases:
            if phase.number == self.kept_phase:
                return phase
        return self.phases[-1] if self.phases else None


def read(version: Path) -> RunRecord:
    """Read ``assets.extra/run.json`` of a version.

    Args:
        version: A published version's directory.

    Returns:
        Whatever could be read. This never fails: what could not be is said in ``missing``.
    """
    path = extra(version, RUN_FILE)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        reason = err.strerror or str(err)
        return RunRecord(missing=(f"The version has no record of its run ({path}: {reason}).",))
    except ValueError as err:
        return RunRecord(
            missing=(f"The record of the run cannot be read as JSON ({path}: {err}).",)
        )
    if not isinstance(document, dict):
        return RunRecord(missing=(f"The record of the run is no JSON object ({path}).",))
    return _Reader(document).record()


class _Reader:
    """Reads one part after the other and notes those that are not there."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._missing: list[str] = []

    def record(self) -> RunRecord:
        document = self._document
        data: Mapping[str, Any] = self._part("data", "the photographs that were used", _mapping, {})
        phases: tuple[RecordedPhase, ...] = self._part(
            "phases", "the epochs of training", _phases, ()
        )
        return RunRecord(
            phases=phases,
            kept_phase=self._part("kept_phase", "", int, None),
            fine_tuning=self._part("fine_tuning", "", _fine_tuning, None),
            batch_norm=self._part("batch_norm", "the shift of BatchNorm layers", _shifts, None),
            settings=self._part("settings", "the settings", _mapping, {}),
            weights=self._part("weights", "the weights it started from", _mapping, {}),
            notes=self._part("notes", "", _texts, ()),
            data_dir=Path(str(data["directory"])) if data.get("directory") else None,
            training=_texts(data.get("training", ())),
            validation=_texts(data.get("validation", document.get("validation", ()))),
            fingerprint=str(data.get("fingerprint", "")),
            skipped=self._part("skipped", "", _mapping, {}),
            versions=self._part("versions", "", _mapping, {}),
            seconds=self._part("seconds", "", float, None),
            missing=tuple(self._missing),
        )

    def _part(self, key: str, what: str, read: Callable[[Any], T], default: T) -> T:
        """Read one part; ``what`` names it for a person, empty if it is missed by nobody."""
        if self._document.get(key) is None:
            if what:
                self._missing.append(f"The run did not record {what} (run.json has no “{key}”).")
            return default
        try:
            return read(self._document[key])
        except (TypeError, ValueError, KeyError, AttributeError) as err:
            self._missing.append(
                f"“{key}” in run.json has a form that this release does not read "
                f"({type(err).__name__}: {err})."
            )
            return default


def _mapping(part: Any) -> Mapping[str, Any]:
    if not isinstance(part, dict):
        raise TypeError(f"expected an object, found {type(part).__name__}")
    return part


def _texts(part: Any) -> tuple[str, ...]:
    if isinstance(part, str):
        raise TypeError("expected a list of texts, found one text")
    return tuple(str(text) for text in part)


def _phases(part: Any) -> tuple[RecordedPhase, ...]:
    if isinstance(part, dict):  # name → history, as the detector records them
        part = [
            {"number": number, "name": name, "history": part[key]}
            for key, number, name in _numbered(part)
        ]
    phases: list[RecordedPhase] = []
    next_epoch = 1
    for number, entry in enumerate(part, 1):
        first = int(entry.get("first_epoch", next_epoch))
        history = tuple(
            {name: float(value) for name, value in epoch.items() if _is_number(value)}
            for epoch in entry["history"]
        )
        phases.append(
            RecordedPhase(
                number=int(entry.get("number", number)),
                name=str(entry.get("name", "")),
                first_epoch=first,
                history=history,
                steps=tuple(_step(step) for step in entry.get("steps", ())),
                frozen_layers=_optional(int, entry.get("frozen_layers")),
                learning_rate=_optional(float, entry.get("learning_rate")),
                batch_size=_optional(int, entry.get("batch_size")),
                seconds=_optional(float, entry.get("seconds")),
                accuracy=_optional(float, entry.get("accuracy")),
                loss=_optional(float, entry.get("loss")),
            )
        )
        next_epoch = first + len(history)
    return tuple(phases)


def _numbered(phases: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """Yield key, number and name of phases; the detector's have names and are counted."""
    for position, key in enumerate(phases, 1):
        yield (key, int(key), "") if key.isdecimal() else (key, position, key)


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(
        int(entry["unfrozen_layers"]),
        int(entry["first_epoch"]),
        _optional(float, entry.get("learning_rate")),
    )


def _fine_tuning(part: Any) -> RecordedFineTuning:
    return RecordedFineTuning(
        decision=str(part["decision"]),
        missing=_texts(part.get("missing", ())),
        rolled_back=bool(part.get("rolled_back", False)),
        reason=str(part.get("reason", "")),
    )


def _shifts(part: Any) -> BatchNormShifts:
    return BatchNormShifts(
        threshold=float(part.get("threshold", LARGEST_SHIFT)),
        by_phase={
            number: {
                str(layer): math.inf if shift is None else float(shift)
                for layer, shift in part["shifts"][key].items()
            }
            for key, number, _ in _numbered(part["shifts"])
        },
        alarms=_texts(part.get("alarms", ())),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _optional(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)
