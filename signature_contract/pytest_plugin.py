"""Holding models to contracts in a test suite.

Installed with this package, pytest takes ``--contract FILE --model TARGET``: every rule and every
golden answer is a test of its own, beside whatever tests there are::

    pytest --contract ranker.json --model models/ranker/7

A project that has options of these names itself keeps them: the long names ``--contract-file`` and
``--contract-model`` are always there, the short ones where ``--contract`` is on the command line.

Tests of one's own take a fixture: ``contract_check`` for any model, or ``contract_outcome`` for
what the options name.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # NumPy is loaded where a contract is checked, not in every test run
    from signature_contract.checking.check import Check
    from signature_contract.checking.outcome import Item, Outcome

_GROUP = "vision-contract"
_ASKED_FOR = "VISION_CONTRACT_PYTEST_OPTION"
_CHECK = pytest.StashKey["_Planned"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup(_GROUP, "a model held to its signature contract")
    short = _is_asked_for("--contract")
    group.addoption(
        "--contract-file",
        *(["--contract"] if short else []),
        metavar="FILE",
        help="a contract; needs --contract-model (short: --contract and --model)",
    )
    group.addoption(
        "--contract-model",
        *(["--model"] if short else []),
        metavar="TARGET",
        help="what is held to it: a SavedModel, a .tflite file, HOST:PORT/MODEL, or a REST address",
    )
    group.addoption(
        "--contract-golden",
        metavar="FILE",
        help="golden answers (default: those beside the contract)",
    )
    group.addoption(
        "--contract-static", action="store_true", help="look at what the model declares only"
    )
    group.addoption(
        "--contract-strict",
        action="store_true",
        help="fail on what requests that break the signature show",
    )


def _is_asked_for(option: str) -> bool:
    """Tell whether an option stands on the command line: a project may have one of its name."""
    words = [*sys.argv[1:], *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))]
    if any(word.partition("=")[0] == option for word in words):
        os.environ[_ASKED_FOR] = option  # pytest-xdist's workers have another command line
    return os.environ.get(_ASKED_FOR) == option


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be checked before any test, or any worker, starts."""
    _planned(config)


class _Planned:
    """The check of a test run: planned when tests are collected, run when the first one asks."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self._outcome: Outcome | None = None
        self._problem = ""

    def outcome(self) -> Outcome:
        """Look once; where nobody answers, say so each time and do not ask again."""
        from signature_contract.contract_errors import ContractError

        if self._outcome is None and not self._problem:
            try:
                self._outcome = self.check.run()
            except ContractError as err:
                self._problem = str(err)
        if self._outcome is None:
            pytest.fail(self._problem, pytrace=False)
        return self._outcome


def _planned(config: pytest.Config) -> _Planned | None:
    """Return the check that the options name, None where they name none."""
    if _CHECK not in config.stash:
        contract_file, model = config.getoption("contract_file"), config.getoption("contract_model")
        if not contract_file and not model:
            return None
        if not contract_file or not model:
            raise pytest.UsageError("--contract and --model go together")
        golden = config.getoption("contract_golden")
        config.stash[_CHECK] = _Planned(
            _plan(
                model,
                contract_file,
                golden=golden,
                static=config.getoption("contract_static"),
                strict=config.getoption("contract_strict"),
            )
        )
    return config.stash[_CHECK]


def _plan(
    model: str | Path, contract: str | Path, golden: str | Path | None = None, **options: Any
) -> Check:
    from signature_contract import contract as contracts
    from signature_contract.checking.check import Check
    from signature_contract.checking.options import Options
    from signature_contract.contract_errors import ContractError
    from signature_contract.version_files import golden_of

    try:
        answers = Path(golden) if golden else golden_of(Path(contract))
        return Check.of(model, contracts.load(contract), Options(golden=answers, **options))
    except ContractError as err:
        raise pytest.UsageError(str(err)) from err


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each rule and each golden answer."""
    planned = _planned(config)
    if planned is not None:
        file = ContractFile.from_parent(
            session, path=Path(config.getoption("contract_file")), planned=planned
        )
        items += file.collect()


class ContractFile(pytest.File):
    """A contract, as the parent of its tests."""

    def __init__(self, planned: _Planned, **others: Any) -> None:
        """Remember the check."""
        super().__init__(**others)
        self._planned = planned

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each thing that the check looks at."""
        for name in self._planned.check.names:
            yield ContractItem.from_parent(self, name=name, planned=self._planned)


class ContractItem(pytest.Item):
    """One rule, or one golden answer."""

    def __init__(self, planned: _Planned, **others: Any) -> None:
        """Remember the check."""
        super().__init__(**others)
        self._planned = planned

    def runtest(self) -> None:
        """Fail, skip or pass as the check's item did."""
        found = {item.name: item for item in self._planned.outcome().items}[self.name]
        if found.skipped:
            pytest.skip(found.skipped)
        if found.differences and found.advisory:
            self.warn(ContractWarning("\n".join(map(str, found.differences))))
        elif found.differences:
            raise ContractBroken(found)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what differs, and no traceback."""
        if isinstance(excinfo.value, ContractBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the contract's file and the item."""
        return self.path, 0, self.name


class ContractWarning(pytest.PytestWarning):
    """Something that a person should look at, and that breaks no contract."""


class ContractBroken(AssertionError):  # noqa: N818  # a failed assertion
    """A model does not keep a part of its contract."""

    def __init__(self, item: Item) -> None:
        """Compose the message, a difference a line."""
        super().__init__("\n".join(map(str, item.differences)))


@pytest.fixture(scope="session")
def contract_outcome(pytestconfig: pytest.Config) -> Outcome:
    """What the check of ``--contract`` and ``--model`` came to; a test without them is skipped."""
    planned = _planned(pytestconfig)
    if planned is None:
        pytest.skip("needs --contract FILE and --model TARGET")
    return planned.outcome()


@pytest.fixture(scope="session")
def contract_check() -> Callable[..., Outcome]:
    """A function that holds a model to a contract, and fails the test where it breaks it.

    ``contract_check(model, contract_file, golden=None, static=False, strict=False)`` returns the
    outcome of a model that keeps it.
    """

    def check(model: str | Path, contract: str | Path, **options: Any) -> Outcome:
        from signature_contract.command_line.printing import outcome_text

        outcome = _plan(model, contract, **options).run()
        if not outcome.ok:
            pytest.fail(outcome_text(outcome).rstrip(), pytrace=False)
        return outcome

    return check
