"""The commands of ``vision-contract``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from signature_contract import contract as contracts
from signature_contract.command_line import arguments as options
from signature_contract.command_line.exit_codes import KEPT, NO_TELLING
from signature_contract.command_line.files import counted, print_text, say, write
from signature_contract.contract import ContractError
from signature_contract.first_contract import to_fill_in
from signature_contract.rules import CHANGE_RULES, CHECK_RULES


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: Without the program's name; None for this process's.

    Returns:
        The exit code: 0 where the contract is kept, 1 where it is broken, 2 where there is no
        telling: a file is missing, a server does not answer, a contract cannot be read.
    """
    parsed = options.parser().parse_args(words)
    try:
        return _COMMANDS[parsed.command](parsed)
    except BrokenPipeError:  # whoever read what is printed has read enough
        return NO_TELLING
    except (ContractError, OSError) as err:
        say(f"vision-contract: {err}")
        return NO_TELLING


# A command's module is loaded when it is called: some load NumPy.


def _init(parsed: argparse.Namespace) -> int:
    from signature_contract.command_line.init_command import init

    return init(parsed)


def _record(parsed: argparse.Namespace) -> int:
    from signature_contract.command_line.record_command import record

    return record(parsed)


def _check(parsed: argparse.Namespace) -> int:
    from signature_contract.command_line.check_command import check

    return check(parsed)


def _diff(parsed: argparse.Namespace) -> int:
    from signature_contract.command_line.diff_command import diff

    return diff(parsed)


def _stubs(parsed: argparse.Namespace) -> int:
    from signature_contract.stubs.java_stub import java_stub
    from signature_contract.stubs.python_stub import python_stub

    contract = contracts.load(parsed.contract)
    if parsed.language == "python":
        text = python_stub(contract)
    else:
        text = java_stub(contract, parsed.package)
    if parsed.out:
        write(parsed.out, text, parsed.force)
        say(f"wrote {parsed.out}")
    else:
        print_text(text, None)
    return KEPT


def _validate(parsed: argparse.Namespace) -> int:
    refused = 0
    for named in parsed.contracts:
        try:
            contract = contracts.load(named)
        except ContractError as err:
            refused += 1
            say(str(err))
        else:
            marked = to_fill_in(contract)
            note = f", {counted(len(marked), 'place')} to fill in" if marked else ""
            print_text(f"{named}: {counted(len(contract.signatures), 'signature')}{note}\n", None)
    return NO_TELLING if refused else KEPT


def _rules(_parsed: argparse.Namespace) -> int:
    lines = ["what a model is held to (vision-contract check):"]
    lines += [f"  {rule.id}: {rule.meaning}" for rule in CHECK_RULES.values()]
    lines += ["what can change (vision-contract diff), for callers and for servers:"]
    lines += [
        f"  {rule.id}: {rule.meaning} ({rule.callers}, {rule.servers})"
        for rule in CHANGE_RULES.values()
    ]
    print_text("\n".join(lines) + "\n", None)
    return KEPT


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "init": _init,
    "record": _record,
    "check": _check,
    "diff": _diff,
    "stubs": _stubs,
    "validate": _validate,
    "rules": _rules,
}
