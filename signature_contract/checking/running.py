"""Running a model to see whether it keeps its contract: what it is asked, and what asks it."""

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
from signature_contract.checking.options import Options
from signature_contract.checking.outcome import Item
from signature_contract.checking.programs import LOAD, run_program
from signature_contract.contract import Contract
from signature_contract.contract_errors import MissingRuntimeError
from signature_contract.declared.server import Address
from signature_contract.golden import GoldenCase
from signature_contract.version_files import CONTRACT_FILE

_LARGE_BYTES = 64 * 2**20
# A module, what it is needed for, and the extra that brings it.
_TENSORFLOW = ("tensorflow", "to run a SavedModel", "train")
_LITERT = ("ai_edge_litert", "to run a TFLite file", "litert")


@dataclass(frozen=True)
class Running:
    """What a model will be asked.

    Attributes:
        place: The model.
        contract: What it is held to.
        options: How far to go.
        cases: Golden requests and answers.
        asked: Everything that it is asked.
    """

    place: Path | Address
    contract: Contract
    options: Options
    cases: tuple[GoldenCase, ...]
    asked: tuple[Question, ...]

    @classmethod
    def of(cls, place: Path | Address, contract: Contract, options: Options) -> Running:
        """Plan what to ask.

        Raises:
            MissingRuntimeError: What would run it is not installed.
            ContractError: The golden answers are not this contract's.
        """
        if isinstance(place, Path):
            demand(place)
        cases = golden.load(options.golden, contract) if options.golden else []
        hostile = isinstance(place, Path) if options.hostile is None else options.hostile
        asked = questions(contract, cases, hostile=hostile)
        return cls(place, contract, options, tuple(cases), tuple(asked))

    @property
    def names(self) -> list[str]:
        """Names of the items that :meth:`items` decides."""
        asked = [question.item for question in self.asked]
        if isinstance(self.place, Address):
            return asked
        if self.place.is_file():
            return [LOAD, *asked]
        runs = [f"{saved_model_cli.RUN} {case}" for case in self._firsts]
        return [LOAD, *asked, saved_model_cli.SHOW, *runs]

    def items(self) -> list[Item]:
        """Ask everything, and return what was found."""
        if isinstance(self.place, Address):
            found = self._ask_server(self.place)
        else:
            with tempfile.TemporaryDirectory(prefix="vision-contract-") as name:
                scratch = Path(name)
                (scratch / CONTRACT_FILE).write_text(self.contract.to_json(), encoding="utf-8")
                run = self._run_saved_model if self.place.is_dir() else self._run_lite
                found = run(self.place, scratch)
        return [
            replace(item, advisory=True)
            if item.name.startswith("hostile ") and not self.options.strict
            else item
            for item in found
        ]

    @property
    def _firsts(self) -> list[GoldenCase]:
        """The first case of each signature: there is nothing else to compare with."""
        firsts: dict[str, GoldenCase] = {}
        for case in self.cases:
            firsts.setdefault(case.signature, case)
        return list(firsts.values())

    def _ask_server(self, address: Address) -> list[Item]:
        from signature_contract.checking.served import served_model

        with served_model(address, self.contract) as model:
            return [judge(model, question, self.contract) for question in self.asked]

    def _run_lite(self, file: Path, scratch: Path) -> list[Item]:
        return self._run_program("lite", self._words(file, scratch))

    def _run_saved_model(self, path: Path, scratch: Path) -> list[Item]:
        tags = self.options.tags or self.contract.tags
        # Each check holds the network: side by side, a large one's need more than its server does.
        beside = 1 if _size(path) > _LARGE_BYTES else 2
        with ThreadPoolExecutor(beside) as pool:
            words = [*self._words(path, scratch), "--tags", *tags]
            session = pool.submit(self._run_program, "session", words)
            folder = scratch / "saved_model_cli"
            folder.mkdir()
            tool = pool.submit(
                saved_model_cli.look, path, tags, self.contract, self._firsts, folder
            )
            return [*session.result(), *tool.result()]

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


def _size(path: Path) -> int:
    """Return the bytes of the graph and its weights."""
    files = [path / "saved_model.pb", *(path / "variables").glob("*")]
    return sum(file.stat().st_size for file in files if file.exists())
