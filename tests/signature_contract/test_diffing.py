"""What changed between two contracts: a case for every rule, by its own table."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signature_contract import contract as contracts
from signature_contract.diffing import diff, select
from signature_contract.rules import CHANGE_RULES, Severity

Change = Callable[[dict[str, Any]], None]

BASE: dict[str, Any] = {
    "model": "ranker",
    "contract_version": "2.1",
    "summary": "Ranks.",
    "dimensions": {"N": "classes"},
    "bound": {"N": 2},
    "class_names": ["cat", "dog"],
    "parameters": {"threshold": 0.5},
    "signatures": {
        "serving_default": {
            "inputs": {
                "pixels": {"dtype": "uint8", "shape": [-1, 8, 8, 3], "range": [0, 255]},
                "top": {"dtype": "int32", "shape": [], "default": 5},
                "any": {"dtype": "float32", "shape": None},
            },
            "outputs": {
                "scores": {
                    "dtype": "float32",
                    "shape": [-1, "N"],
                    "range": [0, 1],
                    "tolerance": {"absolute": 0.001},
                },
                "rest": {"dtype": "float64", "shape": None},
            },
        },
        "encoded": {
            "inputs": {"bytes": {"dtype": "string", "shape": [-1]}},
            "outputs": {"scores": {"dtype": "float32", "shape": [-1, "N"]}},
        },
    },
}


def signature(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["signatures"]["serving_default"]
    return found


def tensor(role: str, name: str, **changes: Any) -> Change:
    """Change what is said of one tensor; ``...`` takes it away."""

    def change(document: dict[str, Any]) -> None:
        spec = signature(document)[role][name]
        for key, value in changes.items():
            if value is ...:
                del spec[key]
            else:
                spec[key] = value

    return change


def rename(role: str, old: str, new: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        tensors = signature(document)[role]
        tensors[new] = tensors.pop(old)

    return change


def whole(**changes: Any) -> Change:
    return lambda document: document.update(copy.deepcopy(changes))


def add(role: str, name: str, **spec: Any) -> Change:
    return lambda document: signature(document)[role].update({name: spec})


def remove(role: str, name: str) -> Change:
    return lambda document: signature(document)[role].pop(name)


# The change and, for callers and for servers, what it means: written out here, not read from the
# rules, so that a severity cannot change by a slip.
CASES: dict[str, tuple[Change, str]] = {
    "model-renamed": (whole(model="sorter"), "breaking breaking"),
    "tags-changed": (whole(tags=["serve", "gpu"]), "breaking breaking"),
    "signature-removed": (lambda d: d["signatures"].pop("encoded"), "breaking compatible"),
    "signature-added": (
        lambda d: d["signatures"].update(more=d["signatures"]["encoded"]),
        "compatible breaking",
    ),
    "input-removed": (remove("inputs", "any"), "breaking breaking"),
    "optional-input-removed": (remove("inputs", "top"), "breaking compatible"),
    "input-added": (add("inputs", "k", dtype="int64", shape=[]), "breaking breaking"),
    "optional-input-added": (
        add("inputs", "k", dtype="int64", shape=[], default=1),
        "risky breaking",
    ),
    "input-renamed": (rename("inputs", "pixels", "image"), "breaking breaking"),
    "input-dtype": (tensor("inputs", "pixels", dtype="float32"), "breaking breaking"),
    "input-rank": (tensor("inputs", "pixels", shape=[8, 8, 3]), "breaking breaking"),
    "input-rank-fixed": (tensor("inputs", "any", shape=[-1]), "breaking compatible"),
    "input-rank-freed": (tensor("inputs", "pixels", shape=None), "compatible breaking"),
    "input-size": (tensor("inputs", "pixels", shape=[-1, 9, 8, 3]), "breaking breaking"),
    "input-size-fixed": (tensor("inputs", "pixels", shape=[1, 8, 8, 3]), "breaking compatible"),
    "input-size-freed": (tensor("inputs", "pixels", shape=[-1, -1, 8, 3]), "compatible breaking"),
    "input-range-narrowed": (tensor("inputs", "pixels", range=[0, 127]), "breaking compatible"),
    "input-range-widened": (tensor("inputs", "pixels", range=...), "compatible risky"),
    "input-range-moved": (tensor("inputs", "pixels", range=[-1, 1]), "breaking risky"),
    "input-default-added": (tensor("inputs", "any", default=[0.0]), "compatible breaking"),
    "input-default-removed": (tensor("inputs", "top", default=...), "breaking compatible"),
    "input-default-changed": (tensor("inputs", "top", default=6), "risky risky"),
    "output-removed": (remove("outputs", "rest"), "breaking compatible"),
    "output-added": (add("outputs", "k", dtype="int64", shape=[]), "risky breaking"),
    "output-renamed": (rename("outputs", "scores", "probabilities"), "breaking breaking"),
    "output-dtype": (tensor("outputs", "rest", dtype="float32"), "breaking breaking"),
    "output-rank": (tensor("outputs", "scores", shape=["N"]), "breaking breaking"),
    "output-rank-fixed": (tensor("outputs", "rest", shape=[-1]), "compatible breaking"),
    "output-rank-freed": (tensor("outputs", "scores", shape=None), "breaking compatible"),
    "output-size": (tensor("outputs", "scores", shape=[-1, 3]), "breaking breaking"),
    "output-size-fixed": (tensor("outputs", "scores", shape=[1, "N"]), "compatible breaking"),
    "output-size-freed": (tensor("outputs", "scores", shape=[-1, -1]), "breaking compatible"),
    "output-range-widened": (tensor("outputs", "scores", range=[-1, 2]), "breaking compatible"),
    "output-range-narrowed": (
        tensor("outputs", "scores", range=[0.1, 0.9]),
        "compatible risky",
    ),
    "output-range-moved": (tensor("outputs", "scores", range=[0.5, 100]), "breaking breaking"),
    "class-order": (whole(class_names=["dog", "cat"]), "breaking breaking"),
    "classes-added": (whole(class_names=["cat", "dog", "fox"]), "risky breaking"),
    "classes-changed": (whole(class_names=["cat", "wolf"]), "breaking breaking"),
    "ranking-changed": (lambda d: signature(d).update(ranking={"scores": "scores"}), "risky risky"),
    "parameter-changed": (whole(parameters={"threshold": 0.25}), "risky risky"),
    "tolerance-loosened": (
        tensor("outputs", "scores", tolerance={"absolute": 0.01}),
        "risky compatible",
    ),
    "tolerance-tightened": (
        tensor("outputs", "scores", tolerance={"absolute": 0.0001}),
        "compatible risky",
    ),
    "meaning-changed": (whole(summary="Sorts."), "risky risky"),
}


def changed(change: Change) -> contracts.Contract:
    document = copy.deepcopy(BASE)
    change(document)
    return contracts.loads(json.dumps(document))


def test_every_rule_has_its_case() -> None:
    assert CASES.keys() == CHANGE_RULES.keys()


@pytest.mark.parametrize("rule", CASES)
def test_a_change_is_named_by_its_rule_alone(rule: str) -> None:
    found = diff(changed(whole()), changed(CASES[rule][0]))
    assert [change.rule.id for change in found] == [rule]


@pytest.mark.parametrize("rule", CASES)
def test_it_means_to_each_side_what_the_table_says(rule: str) -> None:
    (change,) = diff(changed(whole()), changed(CASES[rule][0]))
    callers, servers = CASES[rule][1].split()
    assert change.severity("callers") == callers
    assert change.severity("servers") == servers
    worst = min(callers, servers, key=["breaking", "risky", "compatible"].index)
    assert change.severity("both") == worst


def test_the_same_contract_has_no_changes() -> None:
    assert diff(changed(whole()), changed(whole())) == []


def test_a_dimension_s_name_may_change() -> None:
    def renamed(document: dict[str, Any]) -> None:
        document["dimensions"] = {"M": "number of classes"}
        document["bound"] = {"M": 2}
        for one in document["signatures"].values():
            one["outputs"]["scores"]["shape"] = [-1, "M"]

    assert diff(changed(whole()), changed(renamed)) == []


def test_what_is_alike_twice_is_not_called_renamed() -> None:
    def both(document: dict[str, Any]) -> None:
        outputs = signature(document)["outputs"]
        outputs["left"] = outputs["right"] = outputs.pop("rest")

    rules = [change.rule.id for change in diff(changed(whole()), changed(both))]
    assert sorted(rules) == ["output-added", "output-added", "output-removed"]


@pytest.fixture
def contract_files(tmp_path: Path) -> tuple[Path, Path]:
    """Two contracts, of which the second drops an output and frees an input's size."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(BASE), encoding="utf-8")
    document = copy.deepcopy(BASE)
    CASES["output-removed"][0](document)
    CASES["input-size-freed"][0](document)
    new.write_text(json.dumps(document), encoding="utf-8")
    return old, new


def test_severities_are_sorted_and_rules_left_out(contract_files: tuple[Path, Path]) -> None:
    old, new = map(contracts.load, contract_files)
    found = select(diff(old, new), "callers", ["input-size-freed"])
    assert {severity: [change.rule.id for change in one] for severity, one in found.items()} == {
        Severity.BREAKING: ["output-removed"],
        Severity.RISKY: [],
        Severity.COMPATIBLE: [],
    }
