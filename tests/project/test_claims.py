"""The guides' tables of claims: each claim has a test, and the test is there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
TITLE = "## What holds each claim"
ROW = re.compile(r"^\| (?P<claim>.+?) \| `(?P<path>[\w/]+\.py)::(?P<test>\w+)` \|$", re.MULTILINE)


def claims(guide: str) -> list[tuple[str, str, str]]:
    """Return claim, file and test of each row of a guide's table."""
    text = (REPO / "docs" / guide).read_text(encoding="utf-8")
    _, _, section = text.partition(f"{TITLE}\n")
    rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]
    found = [row.groups() for row in map(ROW.match, rows) if row]
    assert len(found) == len(rows) - 1, "each row but the header names one test"
    return [(claim, path, test) for claim, path, test in found]


@functools.cache
def defined_in(path: str) -> frozenset[str]:
    tree = ast.parse((REPO / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("guide", ["guards.md", "lineage.md"])
def test_every_claim_is_held_by_a_test_that_exists(guide: str) -> None:
    found = claims(guide)
    assert len(found) > 15
    missing = [
        f"{claim}: {path}::{test}" for claim, path, test in found if test not in defined_in(path)
    ]
    assert missing == []
    assert len({claim for claim, _, _ in found}) == len(found)
