"""``vision-contract record``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.command_line import printing
from signature_contract.command_line.exit_codes import BROKEN, KEPT
from signature_contract.command_line.files import UsageError, counted, placed, say, write
from signature_contract.contract import Contract, Tolerance
from signature_contract.contract_errors import ContractError
from signature_contract.recording.drawn import drawn_cases
from signature_contract.recording.record import record as record_answers
from signature_contract.recording.requests import read_requests
from signature_contract.tolerances import with_tolerances
from signature_contract.version_files import golden_beside


def record(parsed: argparse.Namespace) -> int:
    """Record golden requests and answers."""
    contract_file = Path(parsed.contract)
    contract = _with_tolerances(contracts.load(contract_file), parsed.tolerance)
    out = parsed.out or golden_beside(contract_file)
    if out.exists() and not parsed.force:
        raise UsageError(f"{out} exists; replace it with --force, or name another with --out")
    if parsed.requests:
        requests = read_requests(parsed.requests, contract)
    else:
        requests = drawn_cases(contract, parsed.examples, parsed.seed)
    recording = record_answers(parsed.model, contract, requests)
    if not recording.outcome.ok:
        say(printing.outcome_text(recording.outcome).rstrip())
        say("nothing was recorded" + _advice(recording.outcome.differences, parsed))
        return BROKEN
    if len(recording.cases) != len(requests):
        raise UsageError(
            f"{counted(len(requests), 'request')} and {len(recording.cases)} answers: they have "
            "dtypes that cannot be kept; check this model with --static"
        )
    with placed(out) as temporary:
        golden.save(temporary, recording.cases, contract)
    if parsed.tolerance:
        write(contract_file, contract.to_json(), force=True)
    say(f"wrote {out}: {counted(len(recording.cases), 'golden answer')}, each given twice")
    for name, distance in recording.outcome.distances.items():
        say(f"  {name}: the two answers at most {distance:.3g} apart")
    say(f"next: vision-contract check {parsed.model} --contract {parsed.contract}")
    return KEPT


def _advice(differences: Sequence[contracts.Difference], parsed: argparse.Namespace) -> str:
    drawn = not parsed.requests
    if drawn and any(one.rule in ("request-refused", "process-ended") for one in differences):
        return "; the requests were drawn by chance: give real ones with --requests"
    if any(one.rule == "not-deterministic" for one in differences):
        return "; where answers may differ that much, say so with --tolerance"
    return ""


def _with_tolerances(contract: Contract, stated: Sequence[str]) -> Contract:
    try:
        return with_tolerances(contract, dict(map(_tolerance, stated)))
    except ContractError as err:
        raise UsageError(f"--tolerance: {err}") from err


def _tolerance(text: str) -> tuple[str, Tolerance]:
    name, _, numbers = text.rpartition("=")
    try:
        absolute, *relative = map(float, numbers.split(",", 1))
        tolerance = Tolerance(absolute, sum(relative))
    except (TypeError, ValueError):
        tolerance = Tolerance(-1)
    if not name or not (tolerance.absolute >= 0 and tolerance.relative >= 0):
        raise UsageError(f"--tolerance: expected OUTPUT=ABSOLUTE[,RELATIVE], received {text}")
    return name, tolerance
