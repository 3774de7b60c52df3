"""docs/contract.md: its tables are the rules, its commands do what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import protos
from signature_contract.rules import CHANGE_RULES, CHECK_RULES
from tests.running import REPO
from tests.signature_contract.fixtures import vision_contract

GUIDE = (REPO / "docs" / "contract.md").read_text(encoding="utf-8")
EXAMPLE = REPO / "examples" / "contract_in_ci"


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    section = GUIDE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_checks_is_the_rules() -> None:
    assert rows("Rules of a check") == [
        [f"`{rule.id}`", rule.meaning, rule.fix] for rule in CHECK_RULES.values()
    ]


def test_the_table_of_changes_is_the_rules() -> None:
    assert rows("Rules of a comparison") == [
        [f"`{rule.id}`", rule.meaning, rule.callers, rule.servers, rule.reason]
        for rule in CHANGE_RULES.values()
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example without what the guide makes."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "project"))
    (folder / "ranker.golden.npz").unlink()
    return folder


def test_from_a_model_to_a_red_build(project: Path) -> None:
    begun = vision_contract(
        *("init", project / "model", "--name", "ranker", "--out", project / "first.json")
    )
    assert begun.err.splitlines()[1:4] == [
        "to fill in by a person:",
        "  - summary of the model",
        '  - meaning of dimension "D3"',
    ]
    contract = project / "ranker.contract.json"
    recorded = vision_contract(
        *("record", project / "model", "--contract", contract),
        *("--requests", project / "requests.json"),
    )
    assert "ranker.golden.npz: 2 golden answers, each given twice" in recorded.err
    checked = vision_contract("check", project / "model", "--contract", contract)
    assert checked.code == 0
    assert 'keeps the contract of "ranker"\n' in checked.out
    shown = GUIDE.partition('model keeps the contract of "ranker"\n')[2].partition("\n")[0]
    assert checked.out.splitlines()[-1] == shown

    file = project / "model" / "saved_model.pb"
    document = protos.SavedModel.FromString(file.read_bytes())
    outputs = document.meta_graphs[0].signature_def["rank"].outputs
    outputs["scores"].CopyFrom(outputs["probabilities"])
    del outputs["probabilities"]
    file.write_bytes(document.SerializeToString())
    refused = vision_contract("check", project / "model", "--contract", contract)
    assert refused.code == 1
    shown = GUIDE.partition('model breaks the contract of "ranker"\n')[2].partition("\n$ echo")[0]
    assert refused.out.splitlines()[1:5] == shown.splitlines()
