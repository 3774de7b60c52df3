"""Prove that a published version keeps its contract and can run, before a server ever sees it.

This is ``vision-contract check`` (:mod:`signature_contract.checking`) with the version's own
contract and golden answers, strict: a model that this package published refuses hostile requests.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from export.edge import beside
from export.errors import ExportError
from serving_config import toolkit_contracts
from signature_contract import contract as contracts
from signature_contract.checking.check import check
from signature_contract.checking.options import Options
from signature_contract.checking.outcome import Item, Outcome
from signature_contract.contract import Contract, ContractFileError
from signature_contract.version_files import CONTRACT_FILE, EXTRA, extra, golden_of

COPY = "contract copy"


def verify(path: Path, contract: Contract | None = None, options: Options | None = None) -> Outcome:
    """Run all checks on one version.

    Args:
        path: A SavedModel directory.
        contract: What to hold it to; by default the copy it carries, or, without a copy, the
            contract that the directory above is named after. Where the toolkit has a contract of
            that model, the copy must itself agree with it.
        options: How far to go; always strict, and with the version's golden answers where none
            are named.

    Returns:
        The findings; look at ``ok``.

    Raises:
        ExportError: ``path`` is no SavedModel, or no contract could be chosen.
        ContractFileError: The version's own copy cannot be read.
        TargetError: TensorFlow is not installed.
    """
    path = path.resolve()
    if not (path / "saved_model.pb").is_file():
        raise ExportError(f"no SavedModel at {path}: it has no saved_model.pb")
    contract = contract or contract_of(path)
    copy = _copy_item(contract)
    if not copy.ok:
        return Outcome(str(path), contract.model, (copy,))
    outcome = check(
        path, contract, replace(options or Options(golden=golden_of(path)), strict=True)
    )
    lite = beside.verify(path, contract)
    return replace(outcome, items=(copy, *outcome.items, *([lite] if lite else ())))


def contract_of(path: Path) -> Contract:
    """Choose the contract for a SavedModel that comes without one being named.

    Raises:
        ExportError: It carries none, and the directory above it is not named after one.
    """
    if extra(path, CONTRACT_FILE).is_file():
        return contracts.load(path)
    try:
        return toolkit_contracts.toolkit_contract(path.parent.name)
    except ContractFileError as err:
        raise ExportError(
            f"{path} carries no {EXTRA}/{CONTRACT_FILE}; say which contract it should keep with "
            f"--contract ({', '.join(toolkit_contracts.names())}, or a file)"
        ) from err


def _copy_item(contract: Contract) -> Item:
    """Compare a contract with the toolkit's of that model, if there is one."""
    if contract.model not in toolkit_contracts.names():
        return Item(COPY)
    ours = toolkit_contracts.toolkit_contract(contract.model)
    return Item(
        COPY,
        tuple(
            replace(one, where=f"the contract copy, {one.where}", rule="contract-copy")
            for one in ours.differences(contract.signatures)
        ),
    )
