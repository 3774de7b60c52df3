"""One check of one model, from what it declares to what it does when it is asked."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from signature_contract import golden
from signature_contract.checking import saved_model_cli
from signature_contract.checking.answers import Question, judge, questions
from signature_contract.checking.outcome import Item, Outcome
from signature_contract.checking.programs import LOAD, run_program
from signature_contract.contract import Contract, Difference
from signature_contract.contract_errors import MissingRuntimeError, TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.declared.server import Address
from signature_contract.declared.targets import read_declaration, target_of
from signature_contract.rules import STATIC_RULES
from signature_contract.version_files import CONTRACT_FILE

_LARGE_BYTES = 64 * 2**20
READ, GOLDEN = "read", "golden answers"
# A module, what it is needed for, and the extra that brings it.
_TENSORFLOW = ("tensorflow", "to run a SavedModel", "train")
_LITERT = ("ai_edge_litert", "to run a TFLite file", "litert")


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
        name: The model's name on a server; empty for the contract's.
    """

    golden: Path | None = None
    tags: tuple[str, ...] | None = None
    static: bool = False
    hostile: bool | None = None
    strict: bool = False
    name: str = ""


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
    return Check.of(target, contract, options).run()


@dataclass(frozen=True)
class Check:
    """A check that is planned: what it will look at is known before it looks.

    Attributes:
        target: The model, as it was named.
        place: The model.
        contract: What it is held to.
        options: How far to go.
        cases: Golden requests and answers.
        asked: What it will be asked.
    """

    target: str
    place: Path | Address
    contract: Contract
    options: Options
    cases: tuple[golden.GoldenCase, ...]
    asked: tuple[Question, ...]

    @classmethod
    def of(cls, target: str | Path, contract: Contract, options: Options | None = None) -> Check:
        """Plan a check; see :func:`check`."""
        options = options or Options()
        place = target_of(target, options.name or contract.model)
        cases: tuple[golden.GoldenCase, ...] = ()
        asked: tuple[Question, ...] = ()
        if not options.static:
            if isinstance(place, Path):
                demand(place)
            cases = tuple(golden.load(options.golden, contract)) if options.golden else ()
            hostile = isinstance(place, Path) if options.hostile is None else options.hostile
            asked = tuple(questions(contract, cases, hostile=hostile))
        return cls(str(target), place, contract, options, cases, asked)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags of a SavedModel's graph."""
        return self.options.tags or self.contract.tags

    @property
    def names(self) -> list[str]:
        """Names of the items that :meth:`run` decides, in its order."""
        return [READ, *(f"rule {rule}" for rule in STATIC_RULES), *self._running, GOLDEN]

    @property
    def _running(self) -> list[str]:
        asked = [question.item for question in self.asked]
        if self.options.static or isinstance(self.place, Address):
            return asked
        if self.place.is_file():
            return [LOAD, *asked]
        runs = [f"{saved_model_cli.RUN} {case}" for case in _firsts(self.cases).values()]
        return [LOAD, *asked, saved_model_cli.SHOW, *runs]

    def run(self) -> Outcome:
        """Look at everything; see :func:`check`."""
        try:
            found = read_declaration(self.place, self.tags)
        except TargetError as err:
            if not isinstance(self.place, Path):
                raise
            unreadable = Difference("unreadable", self.target, "a model", str(err))
            return self._outcome([Item(READ, (unreadable,))], "the model cannot be read")
        items = [Item(READ), *_static_items(self.contract, found)]
        if not all(item.ok for item in items):
            return self._outcome(items, "what it declares is not what the contract says")
        if not self.options.static:
            items += self._running_items()
        return self._outcome(items, "the model was not run")

    def _outcome(self, items: Sequence[Item], reason: str) -> Outcome:
        """Put items in order; what was not looked at has a reason."""
        items = [*items, self._golden_item()]
        found = {item.name: item for item in items}
        return Outcome(
            self.target,
            self.contract.model,
            tuple(found.get(name, Item(name, skipped=reason)) for name in self.names),
            len(self.cases),
        )

    def _golden_item(self) -> Item:
        if self.cases:
            return Item(GOLDEN)
        reason = "none: the model was not run" if self.options.static else "none"
        missing = Difference("no-golden-answers", GOLDEN, "some to compare with", reason)
        return Item(GOLDEN, (missing,), advisory=True)

    def _running_items(self) -> list[Item]:
        if isinstance(self.place, Address):
            found = self._ask_server(self.place)
        else:
            with tempfile.TemporaryDirectory(prefix="vision-contract-") as name:
                scratch = Path(name)
                (scratch / CONTRACT_FILE).write_text(self.contract.to_json(), encoding="utf-8")
                run = self._run_saved_model if self.place.is_dir() else self._run_lite
                found = run(self.place, scratch)
        return [
            replace(item, advisory=True) if _is_advisory(item, self.options) else item
            for item in found
        ]

    def _ask_server(self, address: Address) -> list[Item]:
        from signature_contract.checking.served import served_model

        with served_model(address, self.contract) as model:
            return [judge(model, question, self.contract) for question in self.asked]

    def _run_lite(self, file: Path, scratch: Path) -> list[Item]:
        return self._run_program("lite", self._words(file, scratch))

    def _run_saved_model(self, path: Path, scratch: Path) -> list[Item]:
        # Each check holds the network: side by side, a large one's need more than its server does.
        beside = 1 if _size(path) > _LARGE_BYTES else 2
        with ThreadPoolExecutor(beside) as pool:
            words = [*self._words(path, scratch), "--tags", *self.tags]
            session = pool.submit(self._run_program, "session", words)
            shown = pool.submit(saved_model_cli.show, path, self.tags, self.contract).result()
            # What shows other signatures cannot be asked for these.
            firsts = {} if shown.differences else _firsts(self.cases)
            runs = []
            for number, case in enumerate(firsts.values()):
                folder = scratch / str(number)
                folder.mkdir()
                runs.append(
                    pool.submit(saved_model_cli.run, path, self.tags, self.contract, case, folder)
                )
            return [*session.result(), shown, *(run.result() for run in runs)]

    def _run_program(self, module: str, words: Sequence[str | Path]) -> list[Item]:
        names = [question.item for question in self.asked]
        return list(run_program(f"signature_contract.checking.{module}", words, names).values())

    def _words(self, path: Path, scratch: Path) -> list[str | Path]:
        words: list[str | Path] = [path, "--contract", scratch / CONTRACT_FILE]
        if self.options.golden:
            words += ["--golden", self.options.golden]
        if any(question.hostile for question in self.asked):
            words.append("--hostile")
        return words


def _static_items(contract: Contract, found: Declaration) -> list[Item]:
    differences = contract.differences(found.signatures, defaults=found.knows_defaults)
    return [
        Item(f"rule {rule}", tuple(one for one in differences if one.rule == rule))
        for rule in STATIC_RULES
    ]


def _is_advisory(item: Item, options: Options) -> bool:
    return item.name.startswith("hostile ") and not options.strict


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


def demand(model: Path) -> None:
    """Refuse to run a model whose runtime is not installed.

    Args:
        model: A SavedModel's folder, or a TFLite file.

    Raises:
        MissingRuntimeError: It is not; the message says how to install it.
    """
    module, purpose, extra = _TENSORFLOW if model.is_dir() else _LITERT
    if importlib.util.find_spec(module) is None:
        raise MissingRuntimeError(
            f"{module} is not installed, and is needed {purpose}: "
            f"pip install 'vision-forge[{extra}]', or compare what it declares only: --static"
        )
