"""What a check came to, as values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from signature_contract.difference import Difference


@dataclass(frozen=True)
class Item:
    """One thing that was looked at; in a test suite, one test.

    Attributes:
        name: Unique within a check: ``rule input-dtype``, ``golden serving_default/one``.
        differences: What differs; empty when the model keeps this part.
        advisory: Whether differences are warnings only.
        distances: The largest absolute difference from the golden answer, by output.
        skipped: Why it was not looked at; empty when it was.
    """

    name: str
    differences: tuple[Difference, ...] = ()
    advisory: bool = False
    distances: Mapping[str, float] = field(default_factory=dict)
    skipped: str = ""

    def without(self, rules: Collection[str]) -> Item:
        """Leave out what breaks some rules.

        Args:
            rules: Their identifiers.
        """
        return replace(
            self, differences=tuple(one for one in self.differences if one.rule not in rules)
        )

    @property
    def ok(self) -> bool:
        """Whether nothing differs that must not."""
        return self.advisory or not self.differences


@dataclass(frozen=True)
class Outcome:
    """What one check of one model came to.

    Attributes:
        target: What was checked, as it was named.
        model: The contract's model.
        items: Everything that was looked at, in order.
        golden: Number of golden answers that the model was held to.
    """

    target: str
    model: str
    items: tuple[Item, ...]
    golden: int = 0

    @property
    def ok(self) -> bool:
        """Whether the model keeps its contract, as far as it was looked at."""
        return all(item.ok for item in self.items)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Everything that breaks the contract, each once."""
        return _distinct(item for item in self.items if not item.advisory)

    @property
    def warnings(self) -> tuple[Difference, ...]:
        """What a person should look at and does not break the contract, each once."""
        return _distinct(item for item in self.items if item.advisory)

    @property
    def distances(self) -> Mapping[str, float]:
        """The largest absolute difference from the golden answers, by output name."""
        largest: dict[str, float] = {}
        for item in self.items:
            for name, distance in item.distances.items():
                largest[name] = max(distance, largest.get(name, 0.0))
        return largest

    @property
    def requests(self) -> int:
        """Number of requests, golden or made up, that were answered and compared."""
        return sum(bool(item.distances) or item.name.startswith("made up") for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as the command line prints it."""
        return {
            "path": self.target,
            "model": self.model,
            "ok": self.ok,
            "golden_answers": self.golden,
            "requests": self.requests,
            "max_distance": finite(self.distances),
            "differences": list(map(str, self.differences)),
            "warnings": list(map(str, self.warnings)),
            "items": [_to_json(item) for item in self.items],
        }


def finite(distances: Mapping[str, float]) -> dict[str, float | None]:
    """Return distances as JSON can hold them: None where nothing could be compared."""
    return {name: value if math.isfinite(value) else None for name, value in distances.items()}


def _to_json(item: Item) -> dict[str, Any]:
    state = "skipped" if item.skipped else "failed" if not item.ok else "passed"
    document: dict[str, Any] = {"name": item.name, "state": state}
    if item.skipped:
        document["reason"] = item.skipped
    if item.differences:
        document["advisory"] = item.advisory
        document["differences"] = [asdict(one) for one in item.differences]
    return document


def _distinct(items: Iterable[Item]) -> tuple[Difference, ...]:
    return tuple(dict.fromkeys(one for item in items for one in item.differences))
