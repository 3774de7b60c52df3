"""``vision-contract check``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.checking.check import check as hold
from signature_contract.checking.options import Options
from signature_contract.checking.outcome import Outcome
from signature_contract.command_line import printing
from signature_contract.command_line.exit_codes import BROKEN, KEPT
from signature_contract.command_line.files import UsageError, print_text, write
from signature_contract.version_files import golden_of


def check(parsed: argparse.Namespace) -> int:
    """Hold a model to a contract."""
    contract = contracts.load(parsed.contract)
    chosen = replace(
        options_of(parsed, golden_of(Path(parsed.contract))),
        strict=parsed.strict,
        name=parsed.name or "",
    )
    outcome = hold(parsed.target, contract, chosen)
    if parsed.format == "github":
        text = printing.outcome_github(outcome, parsed.contract)
    else:
        text = printing.OUTCOME_FORMATS[parsed.format](outcome)
    print_text(text, parsed.output)
    write_junit(parsed, outcome)
    return KEPT if outcome.ok else BROKEN


def options_of(parsed: argparse.Namespace, golden: Path | None) -> Options:
    """Return what :func:`arguments.add_check_options` was told.

    Args:
        parsed: The command line.
        golden: The golden answers where it names none.

    Raises:
        UsageError: It names some that are not there.
    """
    if parsed.golden and not parsed.golden.exists():
        raise UsageError(f"no golden answers at {parsed.golden}")
    return Options(
        golden=parsed.golden or golden,
        tags=tuple(parsed.tags) if parsed.tags else None,
        static=parsed.static,
        hostile=parsed.hostile,
        ignored=frozenset(parsed.ignore),
    )


def write_junit(parsed: argparse.Namespace, outcome: Outcome) -> None:
    """Write the report that ``--junit`` asks for."""
    if parsed.junit:
        write(parsed.junit, printing.outcome_junit(outcome), force=True)
