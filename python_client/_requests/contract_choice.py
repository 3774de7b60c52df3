"""Which contract a client goes by, from what its caller named."""

from __future__ import annotations

from pathlib import Path

from serving_config import contract as contracts
from serving_config.contract import Contract


def resolve_contract(contract: Contract | str | Path | None, model: str) -> Contract | None:
    """Find the contract of a client.

    Args:
        contract: A contract, the name of one of the toolkit's, a contract file, a published
            version's directory; None takes the toolkit's own of the model's name, if there is one.
        model: The model's name.

    Raises:
        serving_config.contract.ContractFileError: What was named cannot be read as a contract.
    """
    if isinstance(contract, Contract):
        return contract
    if contract is not None:
        return contracts.load(contract)
    known = {path.stem for path in contracts.CONTRACTS_DIR.glob("*.json")}
    return contracts.load(model) if model in known else None
