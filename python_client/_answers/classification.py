"""What ``classify`` returns: a small frozen value with a repr one can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_SHOWN = 3  # classes in a repr; a thousand would be no help


@dataclass(frozen=True, repr=False)
class Classification:
    """The answer for one image.

    Attributes:
        label: Name of the most probable class.
        probability: Its probability, 0..1.
        probabilities: Probability by class name, in the model's column order; they sum to 1.
        logits: Unnormalised log-probability by class name, in the same order.
        version: Version of the model that answered, or None if the server did not say.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]
    logits: Mapping[str, float]
    version: int | None = None

    def __post_init__(self) -> None:
        # Frozen all the way down: a value that is shared or cached must not change.
        for name in ("probabilities", "logits"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the ``count`` most probable classes with their probabilities, best first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: item[1], reverse=True)
        return ranked[:count]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {p:.4f}" for name, p in self.top(_SHOWN))
        more = len(self.probabilities) - _SHOWN
        return f"<Classification {shown}{f', {more} more' if more > 0 else ''}>"

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only mapping cannot be pickled; what it shows can.
        parts = (dict(self.probabilities), dict(self.logits), self.version)
        return (Classification, (self.label, self.probability, *parts))
