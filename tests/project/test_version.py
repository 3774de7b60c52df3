"""The version is written in one place, and everything that repeats it is held to that place."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from serving_config.version import __version__
from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


def test_the_distribution_takes_it_from_there() -> None:
    project = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    assert 'version = { attr = "serving_config.version.__version__" }' in project


@pytest.mark.parametrize(
    "package", ["demo", "export", "model_server", "python_client", "serving_config"]
)
def test_every_package_has_it(package: str) -> None:
    assert importlib.import_module(package).__version__ == __version__


@pytest.mark.parametrize("program", ["export", "python_client"])
def test_a_program_prints_it(program: str) -> None:
    command = [sys.executable, "-m", program, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, f"vision-forge {__version__}\n")


def test_java_has_it() -> None:
    for pom in (REPO / "java_client").glob("**/pom.xml"):
        if "target" in pom.parts or "examples" in pom.parts:
            continue
        root = ElementTree.parse(pom).getroot()  # noqa: S314  # a file of ours
        space = {"m": root.tag[1:].partition("}")[0]}
        written = root.find("m:version", space)
        if written is None:  # a module takes its parent's
            written = root.find("m:parent/m:version", space)
        assert written is not None
        assert written.text == __version__


def test_the_java_guide_names_it() -> None:
    guide = (REPO / "docs" / "java.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<version>(.+)</version>", guide)) == {__version__}
    assert set(re.findall(r"io.thecodeforge.ml:[\w-]+:([\d.]+)", guide)) == {__version__}


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("java_client/examples/spring-boot/pom.xml", "<vision.version>(.+)</vision.version>"),
        ("tests/java/consumers/gradle/build.gradle", "io.thecodeforge.ml:[^:\\s]+:([^']+)'"),
    ],
)
def test_builds_that_depend_on_java_name_it(file: str, pattern: str) -> None:
    text = (REPO / file).read_text(encoding="utf-8")
    assert set(re.findall(pattern, text)) == {__version__}


@pytest.mark.parametrize(
    "file",
    [
        "docs/deployment.md",
        "serving_config/kserve/serving_runtime.yaml",
        "serving_config/kubernetes/kustomization.yaml",
    ],
)
def test_the_image_is_tagged_with_it(file: str) -> None:
    text = (REPO / file).read_text(encoding="utf-8")
    tags = re.findall(r"vision-forge-serving:(\d\S*)|newTag: (\S+)", text)
    assert tags
    assert {"".join(tag) for tag in tags} == {__version__}


def test_the_changes_tell_of_it() -> None:
    changes = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?({re.escape(__version__)}|Unreleased)\]?", changes, re.MULTILINE)
