"""Which contract a client goes by, from what its caller named."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from serving_config import toolkit_contracts
from signature_contract.contract import Contract

ContractSource: TypeAlias = Contract | str | Path | None
"""A contract, the name of one of the toolkit's, a contract file, a published version's directory;
None for none."""


def named_contract(contract: ContractSource) -> Contract | None:
    """Find the contract that was named.

    Raises:
        signature_contract.contract.ContractFileError: What was named cannot be read as a contract.
    """
    if contract is None or isinstance(contract, Contract):
        return contract
    return toolkit_contracts.find(contract)


def image_contract(contract: ContractSource, model: str) -> Contract | None:
    """Find the contract of a client for images: the toolkit's own of the model's name by default.

    Args:
        contract: What was named, if anything was.
        model: The model's name.

    Raises:
        signature_contract.contract.ContractFileError: What was named cannot be read as a contract.
    """
    if contract is None and model in toolkit_contracts.names():
        return toolkit_contracts.toolkit_contract(model)
    return named_contract(contract)
