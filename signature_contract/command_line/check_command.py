"""``vision-contract check``."""

from __future__ import annotations

import argparse
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.checking.check import check as hold
from signature_contract.checking.options import Options
from signature_contract.command_line import printing
from signature_contract.command_line.exit_codes import BROKEN, KEPT
from signature_contract.command_line.files import UsageError, print_text, write
from signature_contract.version_files import golden_of


def check(parsed: argparse.Namespace) -> int:
    """Hold a model to a contract."""
    contract = contracts.load(parsed.contract)
    golden = parsed.golden or golden_of(Path(parsed.contract))
    if parsed.golden and not parsed.golden.exists():
        raise UsageError(f"no golden answers at {parsed.golden}")
    checked = Options(
        golden=golden,
        tags=tuple(parsed.tags) if parsed.tags else None,
        static=parsed.static,
        hostile=parsed.hostile,
        strict=parsed.strict,
        name=parsed.name or "",
        ignored=frozenset(parsed.ignore),
    )
    outcome = hold(parsed.target, contract, checked)
    if parsed.format == "github":
        text = printing.outcome_github(outcome, parsed.contract)
    else:
        text = printing.OUTCOME_FORMATS[parsed.format](outcome)
    print_text(text, parsed.output)
    if parsed.junit:
        write(parsed.junit, printing.outcome_junit(outcome), force=True)
    return KEPT if outcome.ok else BROKEN
