"""What a server says about a model: its signatures, and the state of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signature_contract.contract import Contract, Signature


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

    def contract(self) -> Contract:
        """Return what the model declares as a contract, to hold requests and answers to.

        It knows names, dtypes and shapes; no ranges, no meanings and no class names.
        """
        return Contract(self.model, self.signatures)

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
