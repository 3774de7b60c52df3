"""Models as other people make them, and the command as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import Once
from tests.running import Ran, run_python

HERE = Path(__file__).parent
# Answered with the same answer each time, by whatever runs SavedModels.
SOUND = (
    *("keras_export", "export_archive", "several", "vocabulary", "defaults", "kinds"),
    *("tensorflow_1", "ranking"),
)


def vision_contract(*words: str | Path, **options: Any) -> Ran:
    """Run the command."""
    return run_python("-m", "signature_contract", *words, **options)


@dataclass(frozen=True)
class Held:
    """A model with its contract and golden answers."""

    model: Path
    contract: Path
    golden: Path


@pytest.fixture(scope="session")
def peoples(once: Once) -> Path:
    """A folder of models, see ``make_models.py``."""

    def make(folder: Path) -> str:
        made = run_python(HERE / "make_models.py", folder)
        assert made.code == 0, made.err
        return str(folder)

    return Path(once("other_peoples_models", make))


@pytest.fixture(scope="session")
def held(once: Once, peoples: Path) -> Callable[[str], Held]:
    """A model of ``SOUND`` after ``init`` and ``record``."""

    def hold(name: str) -> Held:
        def make(folder: Path) -> str:
            contract = folder / f"{name}.json"
            began = vision_contract("init", peoples / name, "--out", contract)
            assert began.code == 0, began.err
            recorded = vision_contract("record", peoples / name, "--contract", contract)
            assert recorded.code == 0, recorded.err
            return str(contract)

        contract = Path(once(f"held_{name}", make))
        return Held(peoples / name, contract, contract.with_name(f"{name}.golden.npz"))

    return hold


def findings(ran: Ran) -> list[tuple[str, str]]:
    """Return rule and place of everything that ``check --format json`` found wrong."""
    document = json.loads(ran.out)
    return [
        (difference["rule"], difference["where"])
        for item in document["items"]
        if item["state"] == "failed"
        for difference in item["differences"]
    ]
