"""The runnable jar, as a person starts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract import golden
from tests.running import PATIENCE_S


@pytest.fixture(scope="module")
def golden_files(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, float]]:
    """Golden image files, and the probabilities by class that belong to each."""
    folder = tmp_path_factory.mktemp("files")
    contract = contracts.load(published)
    expected = {}
    for case in golden.load(published, contract):
        if case.signature != "serving_bytes":
            continue
        for i, image in enumerate(case.inputs["image_bytes"]):
            path = folder / f"{case.name} {i}"
            path.write_bytes(image)
            row = case.outputs["probabilities"][i]
            expected[str(path)] = dict(zip(contract.class_names, map(float, row), strict=True))
    return expected


def _run(jar: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["java", "-jar", str(jar), *map(str, arguments)],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _assert_golden(
    done: subprocess.CompletedProcess[str], golden_files: dict[str, dict[str, float]]
) -> None:
    assert done.returncode == 0, done.stderr
    tolerance = toolkit_contract("classifier").signature("").outputs["probabilities"].tolerance
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == list(golden_files)
    for line in lines:
        expected = golden_files[line["file"]]
        assert list(line) == ["file", "label", "probability", "probabilities"]
        assert line["probabilities"] == pytest.approx(expected, abs=tolerance.absolute)
        assert line["label"] == max(expected, key=lambda name: expected[name])
        assert line["probability"] == line["probabilities"][line["label"]]


def test_classify_in_process(
    vision_client_jar: Path, published: Path, golden_files: dict[str, dict[str, float]]
) -> None:
    done = _run(vision_client_jar, "classify", "--model", published, *golden_files)
    _assert_golden(done, golden_files)


def test_classify_on_a_server(
    vision_client_jar: Path, classifier_server: str, golden_files: dict[str, dict[str, float]]
) -> None:
    done = _run(vision_client_jar, "classify", "--server", classifier_server, *golden_files)
    _assert_golden(done, golden_files)


def test_a_bad_file_does_not_hide_the_others(
    vision_client_jar: Path,
    published: Path,
    golden_files: dict[str, dict[str, float]],
    tmp_path: Path,
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image", encoding="utf-8")
    missing = tmp_path / "missing.jpg"
    good = next(iter(golden_files))
    done = _run(vision_client_jar, "classify", "--model", published, text, missing, good)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["file"] == str(text)
    assert "expected a whole JPEG or PNG file, received 12 bytes" in lines[0]["error"]
    assert lines[1] == {"file": str(missing), "error": "no such file"}
    assert lines[2]["file"] == good
    assert "label" in lines[2]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("--model={empty}", "vision-client: no contract at {empty}"),
        ("--server=127.0.0.1:1", "vision-client: no server answers at 127.0.0.1:1: "),
    ],
)
def test_what_is_wrong_with_all_files_is_said_once(
    vision_client_jar: Path,
    golden_files: dict[str, dict[str, float]],
    tmp_path: Path,
    source: str,
    said: str,
) -> None:
    option, _, where = source.format(empty=tmp_path).partition("=")
    done = _run(vision_client_jar, "classify", option, where, *golden_files)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said.format(empty=tmp_path))
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["classify", "photo.jpg"],
        ["classify", "--model", "somewhere"],
        ["classify", "--model", "somewhere", "--server", "localhost:8500", "photo.jpg"],
        ["classify", "--server", "localhost:8500", "--timeout", "0", "photo.jpg"],
        ["detect", "--model", "somewhere", "--min-score", "2", "photo.jpg"],
        ["detect", "--model", "somewhere", "--contract", "somewhere", "photo.jpg"],
        ["segment"],
    ],
)
def test_wrong_usage(vision_client_jar: Path, arguments: list[str]) -> None:
    done = _run(vision_client_jar, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: vision-client" in done.stderr
