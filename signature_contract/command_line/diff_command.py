"""``vision-contract diff``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.command_line import printing
from signature_contract.command_line.exit_codes import BROKEN, KEPT
from signature_contract.command_line.files import print_text
from signature_contract.contract import Contract
from signature_contract.declared.targets import model_name, read_declaration, target_of
from signature_contract.diffing import diff as changes_between
from signature_contract.diffing import select
from signature_contract.first_contract import first_contract
from signature_contract.rules import UNDECLARED, Severity
from signature_contract.version_files import CONTRACT_FILE, extra


def diff(parsed: argparse.Namespace) -> int:
    """Tell what changed between two contracts, and whom it breaks."""
    old, new = _contract_of(parsed.old), _contract_of(parsed.new)
    ignored = set(parsed.ignore)
    if old.is_declared or new.is_declared:
        ignored |= UNDECLARED  # a model does not say these things of itself
    found = select(changes_between(old.contract, new.contract), parsed.against, ignored)
    text = {
        "text": lambda: printing.changes_text(found, parsed.against),
        "json": lambda: printing.changes_json(found, parsed.against),
        "github": lambda: printing.changes_github(found, str(parsed.new)),
    }[parsed.format]()
    print_text(text, parsed.output)
    return BROKEN if found[Severity.BREAKING] else KEPT


@dataclass(frozen=True)
class _Side:
    """A contract, and whether it is what a model declares of itself."""

    contract: Contract
    is_declared: bool


def _contract_of(named: str) -> _Side:
    """Read a contract from its file, from a version that carries it, or from what a model says."""
    path = Path(named)
    is_file = path.exists() and not path.is_dir()
    if extra(path, CONTRACT_FILE).is_file() or (is_file and path.suffix != ".tflite"):
        return _Side(contracts.load(path), is_declared=False)
    place = target_of(named)
    return _Side(first_contract(read_declaration(place), model_name(place)), is_declared=True)
