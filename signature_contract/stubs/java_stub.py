"""The typed Java client of a contract."""

from __future__ import annotations

from signature_contract.contract import Contract


def java_stub(contract: Contract, package: str) -> str:
    """Return a class with a typed method for each signature."""
    raise NotImplementedError(contract.model, package)
