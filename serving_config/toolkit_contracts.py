"""The contracts of this toolkit's own models, by name.

Two among others: nothing that reads, compares or checks contracts knows them.
"""

from __future__ import annotations

from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.contract import Contract
from signature_contract.contract_errors import ContractFileError

DIRECTORY = Path(__file__).parent / "contracts"
"""Holds ``<model>.json`` for each."""


def names() -> list[str]:
    """Return the models that there are contracts for."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))


def toolkit_contract(model: str) -> Contract:
    """Return the contract that every version of one of this toolkit's models keeps.

    Args:
        model: The model's name, for instance ``classifier``.

    Raises:
        ContractFileError: There is none of this name.
    """
    if model not in names():
        raise ContractFileError(
            f'the toolkit has no contract for a model named "{model}"; '
            f"it has some for {', '.join(names())}"
        )
    return contracts.load(DIRECTORY / f"{model}.json")


def find(named: str | Path) -> Contract:
    """Return the contract that a person named.

    Args:
        named: One of the toolkit's models, a contract file, or a published version's directory.

    Raises:
        ContractFileError: There is no such contract, or it cannot be read as one.
    """
    if str(named) in names() and not Path(named).exists():
        return toolkit_contract(str(named))
    try:
        return contracts.load(Path(named))
    except ContractFileError as err:
        if Path(named).exists():
            raise
        raise ContractFileError(f"{err}; contracts by name: {', '.join(names())}") from err
