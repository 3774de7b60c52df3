"""The signature contract: what a model takes and gives, of any model, as a file that CI can hold.

    from signature_contract import check, load

    outcome = check("models/ranker/7", load("ranker.json"))

Reading, comparing and printing need neither TensorFlow nor NumPy, and importing this package
imports neither. The command is ``vision-contract`` (``python -m signature_contract``);
docs/contract.md is its guide.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from signature_contract.contract import (
    Contract,
    ContractError,
    ContractFileError,
    ContractMismatchError,
    Difference,
    Ranking,
    Signature,
    TensorSpec,
    Tolerance,
    load,
    loads,
)
from signature_contract.contract_errors import TargetError

if TYPE_CHECKING:
    from signature_contract.diffing import Change, diff
    from signature_contract.rules import CHANGE_RULES, CHECK_RULES, Severity

__all__ = [
    "CHANGE_RULES",
    "CHECK_RULES",
    "Change",
    "Contract",
    "ContractError",
    "ContractFileError",
    "ContractMismatchError",
    "Difference",
    "Ranking",
    "Severity",
    "Signature",
    "TargetError",
    "TensorSpec",
    "Tolerance",
    "check",
    "diff",
    "load",
    "loads",
]

# Who reads a contract to hold a call to it, as clients do, needs no rules of change.
_LATER = {
    "CHANGE_RULES": "rules",
    "CHECK_RULES": "rules",
    "Change": "diffing",
    "Severity": "rules",
    "diff": "diffing",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def check(target: Any, contract: Contract, options: Any = None) -> Any:
    """Hold a model to a contract; see :func:`signature_contract.checking.check.check`."""
    from signature_contract.checking.check import check as checked  # loads NumPy

    return checked(target, contract, options)
