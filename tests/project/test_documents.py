"""The documents speak of files that exist, link to pages that exist, and agree on the figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPO.glob("*.md"), *(REPO / "docs").glob("*.md")])
ARCHITECTURE = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = (REPO / "docs" / "one_photograph.svg").read_text(encoding="utf-8")
THERE_WHEN_USED = ("MODELS/", "DATA/")
VERSION_FILES = {"saved_model.pb", "contract.json", "golden.npz"}


def test_every_path_in_the_architecture_exists() -> None:
    named = set(re.findall(r"`([\w.]+/[\w./-]*)`", ARCHITECTURE))
    paths = {path for path in named if not path.startswith(THERE_WHEN_USED)}
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (REPO / path).exists()] == []


def test_every_path_in_the_picture_exists() -> None:
    """A line that ends in a slash is the folder of those that follow in its box."""
    missing = []
    for box in PICTURE.split("<rect")[1:]:
        folder = REPO
        for line in re.findall(r'class="f">([^<]+)<', box):
            if line.startswith(THERE_WHEN_USED) or line in VERSION_FILES:
                continue
            path = folder / line if (folder / line).exists() else REPO / line
            if not path.exists():
                missing.append(line)
            elif line.endswith("/") and not line.startswith("_"):
                folder = path
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        page = document.parent / file if file else document
        assert page.exists(), target
        if heading:
            assert heading in headings(page), target


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_the_readme_shows_six_figures_and_alters_none() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Figures\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!what|---)(.+?) \| (.+?) \|$", section, re.MULTILINE)
    assert len(rows) == 6
    benchmarks = (REPO / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for _, figure in rows:
        for number in re.findall(r"\d[\d.,e-]*\d|\d", figure):
            assert number in benchmarks


def test_every_document_is_linked_from_the_readme() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    reached = set(re.findall(r"docs/(\w+\.md)", readme))
    there = {path.name for path in (REPO / "docs").glob("*.md")}
    assert there - reached == {"serving_flags.md"}  # linked from serving.md


def test_the_changes_have_their_usual_headings() -> None:
    changes = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = set(re.findall(r"^### (\w+)$", changes, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    releases = re.findall(r"^## (.+)$", changes, re.MULTILINE)
    assert releases[0] == "Unreleased"
    for release in releases[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", release)


def test_the_hooks_are_the_locked_tools() -> None:
    """Nothing is fetched at a commit, and no version stands in a second place."""
    text = (REPO / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    repositories = yaml.safe_load(text)["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
