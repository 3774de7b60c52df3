"""What the client returns: small frozen values with a repr one can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from serving_config.contract import Signature

_SHOWN = 3  # classes in a repr; a thousand would be no help


@dataclass(frozen=True, repr=False)
class Classification:
    """The answer for one picture.

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


@dataclass(frozen=True)
class ModelMetadata:
    """What a server says its model is.

    Attributes:
        model: The model's name.
        version: The version that answered.
        signatures: Signature by key, as the SavedModel declares them.
    """

    model: str
    version: int | None
    signatures: Mapping[str, Signature]

    def __str__(self) -> str:
        lines = [f"{self.model} version {self.version}"]
        for key, signature in self.signatures.items():
            lines.append(f"  {key}")
            lines += [f"    input  {name}: {spec}" for name, spec in signature.inputs.items()]
            lines += [f"    output {name}: {spec}" for name, spec in signature.outputs.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: The version.
        state: ``START``, ``LOADING``, ``AVAILABLE``, ``UNLOADING``, ``END`` or ``UNKNOWN``.
        error_code: Name of the gRPC code with which loading ended; ``OK`` if nothing failed.
        error_message: The server's words about it.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


@dataclass(frozen=True)
class ModelStatus:
    """The state of a model's versions, newest first.

    Attributes:
        model: The model's name.
        versions: Every version the server has, or had, something to do with.
    """

    model: str
    versions: tuple[VersionStatus, ...]

    @property
    def available(self) -> tuple[int, ...]:
        """The versions that answer calls, newest first."""
        return tuple(v.version for v in self.versions if v.state == "AVAILABLE")
