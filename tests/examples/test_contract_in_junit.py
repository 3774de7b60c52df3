"""``examples/contract_in_junit`` as a stranger uses it: Maven, and artifacts from a repository."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import protos
from tests.java.artifacts import local_repository, maven, settings
from tests.running import REPO

pytestmark = [pytest.mark.long, pytest.mark.jvm]

EXAMPLE = REPO / "examples" / "contract_in_junit"
IN_CI = REPO / "examples" / "contract_in_ci"


@pytest.fixture(scope="module")
def run_tests(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], int]:
    """``run_tests(project)``: its exit code of ``mvn test``, with the artifacts deployed."""
    folder = tmp_path_factory.mktemp("maven")
    given = settings(folder, artifacts)
    repository = local_repository(folder / "repository")

    def run(project: Path) -> int:
        ran = maven("test", "-gs", given, cwd=project, repository=repository)
        (project / "said.txt").write_text(ran.stdout, encoding="utf-8")
        return ran.returncode

    return run


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


def test_the_model_is_held_and_the_right_test_fails(
    project: Path, run_tests: Callable[[Path], int]
) -> None:
    assert run_tests(project) == 0, (project / "said.txt").read_text(encoding="utf-8")[-3000:]
    passed = list(cases(project))
    assert len(passed) >= 13
    assert {failure for _, failure in passed} == {""}

    file = project / "model" / "saved_model.pb"
    document = protos.SavedModel.FromString(file.read_bytes())
    outputs = document.meta_graphs[0].signature_def["rank"].outputs
    outputs["scores"].CopyFrom(outputs["probabilities"])
    del outputs["probabilities"]
    file.write_bytes(document.SerializeToString())
    assert run_tests(project) == 1
    messages = [failure for _, failure in cases(project) if failure]
    assert any(
        'rank output "probabilities": expected it to be there, found nothing' in message
        and "[output-missing]" in message
        for message in messages
    ), messages
