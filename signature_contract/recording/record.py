"""Recording golden requests and answers of a model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from signature_contract import golden
from signature_contract.checking.check import check
from signature_contract.checking.options import Options
from signature_contract.checking.outcome import Item, Outcome
from signature_contract.checking.programs import run_program
from signature_contract.checking.running import demand
from signature_contract.contract import Contract
from signature_contract.declared.server import Address
from signature_contract.declared.targets import target_of
from signature_contract.golden import GoldenCase


@dataclass(frozen=True)
class Recording:
    """What a recording came to.

    Attributes:
        outcome: What was found on the way; where it is not ``ok`` nothing should be kept.
        cases: The requests with their answers.
    """

    outcome: Outcome
    cases: tuple[GoldenCase, ...]


def record(target: str | Path, contract: Contract, requests: Sequence[GoldenCase]) -> Recording:
    """Have a model answer requests, each twice, and hold the answers to its contract.

    Args:
        target: A SavedModel's folder, a ``.tflite`` file, or a server's address.
        contract: The contract.
        requests: The requests, without answers.

    Raises:
        TargetError: There is no such target, or what would run it is not installed.
    """
    declared = check(target, contract, Options(static=True))
    declared = replace(declared, items=tuple(item for item in declared.items if not item.advisory))
    if not declared.ok:
        return Recording(declared, ())
    place = target_of(target, contract.model)
    if isinstance(place, Address):
        items, answered = _ask_server(place, contract, requests)
    else:
        items, answered = _run(place, contract, requests)
    outcome = replace(declared, items=(*declared.items, *items), golden=len(answered))
    return Recording(outcome, tuple(answered))


def _ask_server(
    address: Address, contract: Contract, requests: Sequence[GoldenCase]
) -> tuple[list[Item], list[GoldenCase]]:
    from signature_contract.checking.served import served_model
    from signature_contract.recording.answering import answer_twice

    with served_model(address, contract) as model:
        found = [answer_twice(model, case, contract) for case in requests]
    return [item for item, _ in found], [answer for _, answer in found if answer]


def _run(
    place: Path, contract: Contract, requests: Sequence[GoldenCase]
) -> tuple[list[Item], list[GoldenCase]]:
    demand(place)
    with tempfile.TemporaryDirectory(prefix="vision-contract-") as name:
        folder = Path(name)
        contract_file = folder / "contract.json"
        contract_file.write_text(contract.to_json(), encoding="utf-8")
        asked, answered = folder / "requests.npz", folder / "answers.npz"
        golden.save(asked, requests, contract)
        items = run_program(
            "signature_contract.recording.answering",
            [place, "--contract", contract_file, "--requests", asked, "--out", answered],
            [f"request {case}" for case in requests],
        )
        found = list(items.values())
        if not answered.exists() or not all(item.ok for item in found):
            return found, []  # an output may be missing, which the items say
        return found, golden.load(answered, contract)
