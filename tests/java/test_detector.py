"""A published detector in Java: embedded, on a server, and from the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving_config.layout import detections
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.golden import GoldenCase
from tests.golden_answers import assert_golden
from tests.running import PATIENCE_S


@pytest.fixture(scope="module")
def cases(published_detector: Path) -> list[GoldenCase]:
    cases = golden.load(published_detector, contracts.load(published_detector))
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}
    assert any(case.outputs["num_detections"].any() for case in cases)
    return cases


@pytest.fixture(scope="module")
def service(java: Any, published_detector: Path) -> Iterator[int]:
    number: int = java("load", published_detector)
    yield number
    java("close", number)


@pytest.fixture(scope="module")
def client(java: Any, detector_server: str, published_detector: Path) -> Iterator[int]:
    number: int = java("connect", detector_server, published_detector)
    yield number
    java("close", number)


def _assert_golden(case: GoldenCase, answers: list[list[dict[str, Any]]], version: Path) -> None:
    contract = contracts.load(version)
    entries = [[(one["class"], one["score"], one["box"]) for one in found] for found in answers]
    assert_golden(case, detections(entries, contract.bound["N"]), contract)
    for one in (one for found in answers for one in found):
        assert one["label"] == ("disc", "square")[one["class"] - 1]


@pytest.mark.parametrize("where", ["service", "client"])
def test_golden_answers(
    java: Any,
    cases: list[GoldenCase],
    where: str,
    published_detector: Path,
    request: pytest.FixtureRequest,
) -> None:
    number = request.getfixturevalue(where)
    for case in cases:
        if case.signature == "serving_bytes":
            answers = java("detect", number, list(case.inputs["image_bytes"]))
        else:
            answers = java("detect_pixels", number, case.inputs["input_tensor"])
        _assert_golden(case, answers, published_detector)


@pytest.mark.parametrize("where", ["service", "client"])
def test_a_detector_does_not_classify(
    java: Any, cases: list[GoldenCase], where: str, request: pytest.FixtureRequest
) -> None:
    image = next(c for c in cases if c.signature == "serving_bytes").inputs["image_bytes"][0]
    refusal = java.refusal("classify", request.getfixturevalue(where), [image])
    assert refusal.startswith("UnsupportedOperationException: classify needs a classifier, ")
    assert "detector" in refusal


def test_a_refused_image_is_named(java: Any, service: int, cases: list[GoldenCase]) -> None:
    image = next(c for c in cases if c.signature == "serving_bytes").inputs["image_bytes"][0]
    refusal = java.refusal("detect", service, [image, b"GIF89a"])
    assert refusal.startswith("InvalidImageException: image 1 of 2: expected a whole JPEG")
    refusal = java.refusal("detect", service, [image[:200]])
    assert refusal.startswith(
        "InvalidImageException: image 0 of 1: serving_bytes refused the input"
    )


@pytest.mark.parametrize("where", ["--model", "--server"])
def test_the_command_line(
    vision_client_jar: Path,
    published_detector: Path,
    detector_server: str,
    cases: list[GoldenCase],
    tmp_path: Path,
    where: str,
) -> None:
    case = next(c for c in cases if c.signature == "serving_bytes" and len(c.inputs["image_bytes"]))
    files = []
    for i, image in enumerate(case.inputs["image_bytes"]):
        files.append(tmp_path / f"image {i}")
        files[-1].write_bytes(image)
    source = (
        [where, str(published_detector)]
        if where == "--model"
        else [where, detector_server, "--contract", str(published_detector)]
    )
    command = ["java", "-jar", str(vision_client_jar), "detect", "--min-score", "0", *source]
    done = subprocess.run(
        [*command, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(line) for line in lines] == [["file", "detections"]] * len(files)
    assert [line["file"] for line in lines] == list(map(str, files))
    _assert_golden(
        case,
        [
            [{**one, "box": [one["box"][edge] for edge in _EDGES]} for one in line["detections"]]
            for line in lines
        ],
        published_detector,
    )


_EDGES = ("ymin", "xmin", "ymax", "xmax")
