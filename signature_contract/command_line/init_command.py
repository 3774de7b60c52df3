"""``vision-contract init``."""

from __future__ import annotations

import argparse
from pathlib import Path

from signature_contract.command_line.exit_codes import KEPT
from signature_contract.command_line.files import counted, say, write
from signature_contract.contract_errors import TargetError
from signature_contract.declared.targets import model_name, read_declaration, target_of
from signature_contract.first_contract import first_contract, left_out, to_fill_in


def init(parsed: argparse.Namespace) -> int:
    """Write a first contract of a model."""
    place = target_of(parsed.model, parsed.name or "")
    found = read_declaration(place, parsed.tags or ("serve",))
    if not found.signatures:
        raise TargetError(f"{parsed.model} has no signatures, so nobody can call it by name")
    contract = first_contract(found, parsed.name or model_name(place))
    if not contract.signatures:
        raise TargetError(f"{parsed.model}: no signature has dtypes that a contract can name")
    out = parsed.out or Path(f"{contract.model}.contract.json")
    write(out, contract.to_json(), parsed.force)
    say(f"wrote {out}: {counted(len(contract.signatures), 'signature')}")
    for key in left_out(found):
        say(
            f'  left out signature "{key}": it answers nothing, or a dtype is one that no contract '
            "can name"
        )
    say("to fill in by a person:")
    for line in to_fill_in(contract):
        say(f"  - {line}")
    say(f"next: vision-contract record {parsed.model} --contract {out}")
    return KEPT
