"""Which contract a client goes by, from what its caller named."""

from __future__ import annotations

from pathlib import Path

from serving_config import toolkit_contracts
from signature_contract.contract import Contract


def resolve_contract(contract: Contract | str | Path | None, model: str) -> Contract | None:
    """Find the contract of a client.

    Args:
        contract: A contract, the name of one of the toolkit's, a contract file, a published
            version's directory; None takes the toolkit's own of the model's name, if there is one.
        model: The model's name.

    Raises:
        signature_contract.contract.ContractFileError: What was named cannot be read as a contract.
    """
    if isinstance(contract, Contract):
        return contract
    if contract is not None:
        return toolkit_contracts.find(contract)
    known = model in toolkit_contracts.names()
    return toolkit_contracts.toolkit_contract(model) if known else None
