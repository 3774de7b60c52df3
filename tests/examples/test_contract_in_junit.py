"""``examples/contract_in_junit`` as a stranger uses it: Maven, and artifacts from a repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import protos
from tests.running import PATIENCE_S, REPO

pytestmark = [pytest.mark.long, pytest.mark.jvm]

EXAMPLE = REPO / "examples" / "contract_in_junit"
IN_CI = REPO / "examples" / "contract_in_ci"


def maven(*words: str | Path, cwd: Path, repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mvn", "-B", "-q", f"-Dmaven.repo.local={repository}", *map(str, words)],  # noqa: S607
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def link(source: str, target: str) -> None:
    """Link a file, or copy it where it lies on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local repository with what Maven has fetched before, and this project's artifacts."""
    folder = tmp_path_factory.mktemp("maven")
    mine, source = folder / "repository", folder / "source"
    theirs = Path.home() / ".m2" / "repository"
    if theirs.is_dir():
        ours = shutil.ignore_patterns("thecodeforge")
        shutil.copytree(theirs, mine, copy_function=link, ignore=ours)
    built = shutil.ignore_patterns("target")
    for name in ("java_client", "protos", "serving_config", "tests/signature_contract"):
        shutil.copytree(REPO / name, source / name, ignore=built)
    installed = maven(
        *("install", "-DskipTests", "-f", source / "java_client" / "pom.xml"),
        cwd=folder,
        repository=mine,
    )
    assert installed.returncode == 0, installed.stdout[-2000:]
    return mine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def cases(project: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each test of the last run and how it failed, empty where it passed."""
    (report,) = (project / "target" / "surefire-reports").glob("TEST-*.xml")
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314  # Maven's
        failure = case.find("failure")
        yield str(case.get("name")), "" if failure is None else str(failure.get("message"))


def test_it_has_the_model_of_the_other_example() -> None:
    for name in ("ranker.contract.json", "ranker.golden.npz", "model/saved_model.pb"):
        assert (EXAMPLE / name).read_bytes() == (IN_CI / name).read_bytes()


def test_the_model_is_held_and_the_right_test_fails(project: Path, repository: Path) -> None:
    ran = maven("test", cwd=project, repository=repository)
    assert ran.returncode == 0, ran.stdout[-3000:]
    passed = list(cases(project))
    assert len(passed) >= 13
    assert {failure for _, failure in passed} == {""}

    file = project / "model" / "saved_model.pb"
    document = protos.SavedModel.FromString(file.read_bytes())
    outputs = document.meta_graphs[0].signature_def["rank"].outputs
    outputs["scores"].CopyFrom(outputs["probabilities"])
    del outputs["probabilities"]
    file.write_bytes(document.SerializeToString())
    assert maven("test", cwd=project, repository=repository).returncode == 1
    messages = [failure for _, failure in cases(project) if failure]
    assert any(
        'rank output "probabilities": expected it to be there, found nothing' in message
        and "[output-missing]" in message
        for message in messages
    ), messages
