"""One check of one model, from what it declares to what it does when it is asked."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from signature_contract import golden
from signature_contract.checking import saved_model_cli
from signature_contract.checking.answers import Question, judge, questions
from signature_contract.checking.outcome import Item, Outcome
from signature_contract.checking.programs import run_program
from signature_contract.contract import Contract, Difference
from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.declared.server import Address
from signature_contract.declared.targets import read_declaration, target_of
from signature_contract.rules import STATIC_RULES

_LARGE_BYTES = 64 * 2**20
GOLDEN_ITEM = "golden answers"


@dataclass(frozen=True)
class Options:
    """How far a check goes.

    Attributes:
        golden: File of golden requests and answers; None for none.
        tags: Tags of a SavedModel's graph; None for the contract's.
        static: Look at what the model declares only; it is not run.
        hostile: Send requests that break the signature; None does for files, whose processes are
            ours, and not for servers.
        strict: Take what hostile requests show for errors, not for warnings.
    """

    golden: Path | None = None
    tags: tuple[str, ...] | None = None
    static: bool = False
    hostile: bool | None = None
    strict: bool = False


def check(target: str | Path, contract: Contract, options: Options | None = None) -> Outcome:
    """Hold a model to a contract.

    Args:
        target: A SavedModel's folder, a ``.tflite`` file, or a server's address; see
            :func:`signature_contract.declared.targets.target_of`.
        contract: The contract.
        options: How far to go.

    Returns:
        What was found; look at ``ok``.

    Raises:
        TargetError: There is no such target, or what would run it is not installed.
        ContractError: The golden answers are not this contract's.
    """
    options = options or Options()
    place = target_of(target, contract.model)
    try:
        found = read_declaration(place, options.tags or contract.tags)
    except TargetError as err:
        if not isinstance(place, Path) or not place.exists():
            raise
        unreadable = Difference("unreadable", str(target), "a model", str(err))
        return Outcome(str(target), contract.model, (Item("read", (unreadable,)),))
    items = _static_items(contract, found)
    outcome = Outcome(str(target), contract.model, tuple(items))
    if options.static:
        return _without_answers(outcome, "the model was not run")
    if not outcome.ok:  # what would run is not what the contract describes
        return outcome
    cases = golden.load(options.golden, contract) if options.golden else []
    items += _running_items(place, contract, cases, options)
    outcome = replace(outcome, items=tuple(items), golden=len(cases))
    return outcome if cases else _without_answers(outcome, "there are no golden answers")


def _without_answers(outcome: Outcome, reason: str) -> Outcome:
    missing = Difference("no-golden-answers", GOLDEN_ITEM, "some to compare with", reason)
    note = Item(GOLDEN_ITEM, (missing,), advisory=True)
    return replace(outcome, items=(*outcome.items, note))


def _static_items(contract: Contract, found: Declaration) -> list[Item]:
    differences = contract.differences(found.signatures, defaults=found.knows_defaults)
    return [
        Item(f"rule {rule}", tuple(one for one in differences if one.rule == rule))
        for rule in STATIC_RULES
    ]


def _running_items(
    place: Path | Address,
    contract: Contract,
    cases: Sequence[golden.GoldenCase],
    options: Options,
) -> list[Item]:
    hostile = isinstance(place, Path) if options.hostile is None else options.hostile
    asked = list(questions(contract, cases, hostile=hostile))
    with _scratch(contract, options) as scratch:
        if isinstance(place, Address):
            found = _ask_server(place, contract, asked)
        elif place.is_dir():
            found = _run_saved_model(place, contract, cases, asked, scratch)
        else:
            found = _run_lite(place, asked, scratch)
    return [replace(item, advisory=True) if _is_advisory(item, options) else item for item in found]


def _is_advisory(item: Item, options: Options) -> bool:
    return item.name.startswith("hostile ") and not options.strict


@dataclass(frozen=True)
class _Scratch:
    """A folder for files of one check, and the words that the programs are called with."""

    folder: Path
    words: tuple[str | Path, ...]
    tags: tuple[str, ...]


@contextlib.contextmanager
def _scratch(contract: Contract, options: Options) -> Iterator[_Scratch]:
    with tempfile.TemporaryDirectory(prefix="vision-contract-") as name:
        file = Path(name) / "contract.json"
        file.write_text(contract.to_json(), encoding="utf-8")
        words: list[str | Path] = ["--contract", file]
        if options.golden:
            words += ["--golden", options.golden]
        yield _Scratch(Path(name), tuple(words), tuple(options.tags or contract.tags))


def _ask_server(address: Address, contract: Contract, asked: Sequence[Question]) -> list[Item]:
    from signature_contract.checking.served import served_model

    with served_model(address, contract) as model:
        return [judge(model, question, contract) for question in asked]


def _run_lite(file: Path, asked: Sequence[Question], scratch: _Scratch) -> list[Item]:
    _demand("ai_edge_litert", "to run a TFLite file", "edge")
    words = _words(file, asked, scratch)
    found = run_program("signature_contract.checking.lite", words, [one.item for one in asked])
    return list(found.values())


def _run_saved_model(
    path: Path,
    contract: Contract,
    cases: Sequence[golden.GoldenCase],
    asked: Sequence[Question],
    scratch: _Scratch,
) -> list[Item]:
    _demand("tensorflow", "to run a SavedModel", "train")
    words = _words(path, asked, scratch)
    words += ["--tags", *scratch.tags]
    names = [one.item for one in asked]
    # Each check holds the network: side by side, a large one's need more than its server does.
    beside = 1 if _size(path) > _LARGE_BYTES else 2
    with ThreadPoolExecutor(beside) as pool:
        session = pool.submit(run_program, "signature_contract.checking.session", words, names)
        shown = pool.submit(saved_model_cli.show, path, scratch.tags, contract).result()
        # What shows other signatures cannot be asked for these.
        firsts = {} if shown.differences else _firsts(cases)
        runs = []
        for number, case in enumerate(firsts.values()):
            folder = scratch.folder / str(number)
            folder.mkdir()
            runs.append(
                pool.submit(saved_model_cli.run, path, scratch.tags, contract, case, folder)
            )
        return [*session.result().values(), shown, *(run.result() for run in runs)]


def _words(path: Path, asked: Sequence[Question], scratch: _Scratch) -> list[str | Path]:
    hostile = ["--hostile"] if any(one.hostile for one in asked) else []
    return [path, *scratch.words, *hostile]


def _firsts(cases: Sequence[golden.GoldenCase]) -> dict[str, golden.GoldenCase]:
    """Return the first case of each signature: there is nothing else to compare with."""
    firsts: dict[str, golden.GoldenCase] = {}
    for case in cases:
        firsts.setdefault(case.signature, case)
    return firsts


def _size(path: Path) -> int:
    """Return the bytes of the graph and its weights."""
    files = [path / "saved_model.pb", *(path / "variables").glob("*")]
    return sum(file.stat().st_size for file in files if file.exists())


def _demand(module: str, purpose: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise TargetError(
            f"{module} is not installed, and is needed {purpose}: "
            f"pip install 'vision-forge[{extra}]', or compare what it declares only: --static"
        )
