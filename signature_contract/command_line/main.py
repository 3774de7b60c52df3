"""The commands of ``vision-contract``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.command_line import arguments as options
from signature_contract.contract import Contract, ContractError, TensorSpec, Tolerance
from signature_contract.contract_errors import TargetError
from signature_contract.declared.server import Address
from signature_contract.declared.targets import read_declaration, target_of
from signature_contract.diffing import diff, select
from signature_contract.first_contract import first_contract, left_out, to_fill_in
from signature_contract.rules import CHANGE_RULES, CHECK_RULES, Severity
from signature_contract.version_files import CONTRACT_FILE, extra, golden_beside, golden_of

KEPT, BROKEN, NO_TELLING = 0, 1, 2


class UsageError(ContractError):
    """What was asked for cannot be done as it was asked."""


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
    except (ContractError, OSError) as err:
        print(f"vision-contract: {err}", file=sys.stderr)  # noqa: T201  # a command's words
        return NO_TELLING
    except BrokenPipeError:
        return NO_TELLING


def _init(parsed: argparse.Namespace) -> int:
    place = target_of(parsed.model, parsed.name or "")
    found = read_declaration(place, parsed.tags or ("serve",))
    if not found.signatures:
        raise TargetError(f"{parsed.model} has no signatures, so nobody can call it by name")
    contract = first_contract(found, parsed.name or _name_of(place))
    if not contract.signatures:
        raise TargetError(f"{parsed.model}: no signature has dtypes that a contract can name")
    out = parsed.out or Path(f"{contract.model}.json")
    _write(out, contract.to_json(), parsed.force)
    _say(f"wrote {out}: {_counted(len(contract.signatures), 'signature')}")
    for key in left_out(found):
        _say(f'  left out signature "{key}": it has a dtype that no contract can name')
    _say("to fill in by a person:")
    for line in to_fill_in(contract):
        _say(f"  - {line}")
    _say(f"next: vision-contract record {parsed.model} --contract {out}")
    return KEPT


def _name_of(place: Path | Address) -> str:
    """Return a model's name: on a server, of a file, or of the folder of its versions."""
    if isinstance(place, Address):
        return place.model
    if place.is_file():
        return place.stem
    return place.parent.name if place.name.isdecimal() else place.name


def _record(parsed: argparse.Namespace) -> int:
    from signature_contract import golden  # loads NumPy
    from signature_contract.command_line import printing
    from signature_contract.recording.drawn import drawn_cases
    from signature_contract.recording.record import record
    from signature_contract.recording.requests import read_requests

    contract_file = Path(parsed.contract)
    contract = _with_tolerances(contracts.load(contract_file), parsed.tolerance)
    out = parsed.out or golden_beside(contract_file)
    if out.exists() and not parsed.force:
        raise UsageError(f"{out} exists; replace it with --force, or name another with --out")
    if parsed.requests:
        requests = read_requests(parsed.requests, contract)
    else:
        requests = drawn_cases(contract, parsed.examples, parsed.seed)
    recording = record(parsed.model, contract, requests)
    if not recording.outcome.ok:
        _say(printing.outcome_text(recording.outcome).rstrip())
        _say("nothing was recorded" + _advice(recording.outcome.differences, parsed))
        return BROKEN
    with _placed(out) as temporary:
        golden.save(temporary, recording.cases, contract)
    if parsed.tolerance:
        _write(contract_file, contract.to_json(), force=True)
    _say(f"wrote {out}: {_counted(len(recording.cases), 'golden answer')}, each given twice")
    for name, distance in recording.outcome.distances.items():
        _say(f"  {name}: the two answers at most {distance:.3g} apart")
    _say(f"next: vision-contract check {parsed.model} --contract {parsed.contract}")
    return KEPT


def _advice(differences: Sequence[contracts.Difference], parsed: argparse.Namespace) -> str:
    drawn = not parsed.requests
    if drawn and any(one.rule in ("request-refused", "process-ended") for one in differences):
        return "; the requests were drawn by chance: give real ones with --requests"
    if any(one.rule == "not-deterministic" for one in differences):
        return "; where answers may differ that much, say so with --tolerance"
    return ""


def _with_tolerances(contract: Contract, stated: Sequence[str]) -> Contract:
    tolerances = dict(map(_tolerance, stated))
    known = {name for signature in contract.signatures.values() for name in signature.outputs}
    if unknown := sorted(tolerances.keys() - known):
        raise UsageError(
            f"--tolerance names {', '.join(unknown)}; outputs are {', '.join(sorted(known))}"
        )

    def stating(name: str, spec: TensorSpec) -> TensorSpec:
        return replace(spec, stated_tolerance=tolerances.get(name, spec.stated_tolerance))

    signatures = {
        key: replace(
            signature,
            outputs={name: stating(name, spec) for name, spec in signature.outputs.items()},
        )
        for key, signature in contract.signatures.items()
    }
    return replace(contract, signatures=signatures)


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


def _check(parsed: argparse.Namespace) -> int:
    from signature_contract.checking.check import Options, check  # loads NumPy
    from signature_contract.command_line import printing

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
    )
    outcome = check(parsed.target, contract, checked).without(parsed.ignore)
    if parsed.format == "github":
        text = printing.outcome_github(outcome, parsed.contract)
    else:
        text = printing.OUTCOME_FORMATS[parsed.format](outcome)
    _print(text, parsed.output)
    return KEPT if outcome.ok else BROKEN


def _diff(parsed: argparse.Namespace) -> int:
    from signature_contract.command_line import printing

    changes = diff(_contract_of(parsed.old), _contract_of(parsed.new))
    found = select(changes, parsed.against, parsed.ignore)
    text = {
        "text": lambda: printing.changes_text(found, parsed.against),
        "json": lambda: printing.changes_json(found, parsed.against),
        "github": lambda: printing.changes_github(found, str(parsed.new)),
    }[parsed.format]()
    _print(text, parsed.output)
    return BROKEN if found[Severity.BREAKING] else KEPT


def _contract_of(named: str) -> Contract:
    """Read a contract from its file, from a version that carries it, or from what a model says."""
    path = Path(named)
    if path.suffix == ".json" or extra(path, CONTRACT_FILE).is_file():
        return contracts.load(path)
    place = target_of(named)
    return first_contract(read_declaration(place), _name_of(place))


def _stubs(parsed: argparse.Namespace) -> int:
    from signature_contract.stubs.java_stub import java_stub
    from signature_contract.stubs.python_stub import python_stub

    contract = contracts.load(parsed.contract)
    if parsed.language == "python":
        text = python_stub(contract)
    else:
        text = java_stub(contract, parsed.package)
    if parsed.out:
        _write(parsed.out, text, parsed.force)
        _say(f"wrote {parsed.out}")
    else:
        _print(text, None)
    return KEPT


def _rules(_parsed: argparse.Namespace) -> int:
    lines = ["what a model is held to (vision-contract check):"]
    lines += [f"  {rule.id}: {rule.meaning}" for rule in CHECK_RULES.values()]
    lines += ["what can change (vision-contract diff), for callers and for servers:"]
    lines += [
        f"  {rule.id}: {rule.meaning} ({rule.callers}, {rule.servers})"
        for rule in CHANGE_RULES.values()
    ]
    _print("\n".join(lines) + "\n", None)
    return KEPT


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "init": _init,
    "record": _record,
    "check": _check,
    "diff": _diff,
    "stubs": _stubs,
    "rules": _rules,
}


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("s" if count != 1 else "")


def _write(path: Path, text: str, force: bool) -> None:
    if path.exists() and not force:
        raise UsageError(f"{path} exists; replace it with --force, or name another with --out")
    with _placed(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _placed(place: Path) -> Iterator[Path]:
    """Give a file to write beside its place; it takes the place whole, or not at all."""
    handle, name = tempfile.mkstemp(place.suffix, ".vision-contract-", place.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # as any other file; mkstemp's are private
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _print(text: str, output: Path | None) -> None:
    if output:
        _write(output, text, force=True)
    else:
        sys.stdout.write(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201  # a command's words
