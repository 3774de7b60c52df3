"""What can be wrong with, or against, a contract.

ContractError
├── ContractFileError      the JSON itself cannot be used
├── ContractMismatchError  a model, a server or a tensor differs from the contract
└── TargetError            a model or a server cannot be read or reached
    └── MissingRuntimeError    what runs such a model is not installed
"""

from __future__ import annotations

from collections.abc import Sequence

from signature_contract.difference import Difference


class ContractError(ValueError):
    """Base of everything that can be wrong with, or against, a contract."""


class ContractFileError(ContractError):
    """A contract file is missing, is not JSON, or does not follow the format."""


class ContractMismatchError(ContractError):
    """Something differs from its contract.

    Attributes:
        differences: Every difference found, in contract order.
    """

    def __init__(self, subject: str, differences: Sequence[Difference]) -> None:
        """Compose the message from ``differences``, one a line."""
        self.differences = tuple(differences)
        lines = "\n".join(f"  - {d}" for d in self.differences)
        super().__init__(f"{subject} breaks its contract:\n{lines}")


class TargetError(ContractError):
    """What was to be compared with a contract cannot be read, reached, or run here."""


class MissingRuntimeError(TargetError):
    """What runs such a model is not installed; the message has the pip command."""
