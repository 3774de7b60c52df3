"""The client against a real server with a trained detector: the golden corpus, and pictures."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from python_client import AsyncVisionClient, Detections, VisionClient, errors
from serving_config import contract as contracts
from serving_config import golden
from serving_config.layout import detections
from tests.golden_answers import assert_golden
from tests.running import PATIENCE_S


@pytest.fixture
def client(detector_server: str, published_detector: Path) -> Iterator[VisionClient]:
    with VisionClient(
        detector_server, model="detector", contract=published_detector, timeout_s=PATIENCE_S
    ) as client:
        yield client


@pytest.fixture
def cases(published_detector: Path) -> list[golden.GoldenCase]:
    cases = golden.load(published_detector, contracts.load(published_detector))
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}
    return cases


def assert_answers(case: golden.GoldenCase, answers: list[Detections], version: Path) -> None:
    contract = contracts.load(version)
    entries = [
        [(one.class_id, one.score, dataclasses.astuple(one.box)) for one in answer]
        for answer in answers
    ]
    assert_golden(case, detections(entries, contract.bound["N"]), contract)
    for one in (one for answer in answers for one in answer):
        assert one.label == ("disc", "square")[one.class_id - 1]


def test_detect_gives_the_golden_answers(
    client: VisionClient, cases: list[golden.GoldenCase], published_detector: Path
) -> None:
    assert any(case.outputs["num_detections"].any() for case in cases)
    for case in cases:
        (images,) = case.inputs.values()
        assert_answers(case, client.detect(images), published_detector)


def test_asyncio_gives_the_golden_answers(
    detector_server: str, published_detector: Path, cases: list[golden.GoldenCase]
) -> None:
    async def scenario() -> list[list[Detections]]:
        async with AsyncVisionClient(
            detector_server, model="detector", contract=published_detector, timeout_s=PATIENCE_S
        ) as client:
            return await asyncio.gather(
                *(client.detect(next(iter(case.inputs.values()))) for case in cases)
            )

    for case, answers in zip(cases, asyncio.run(scenario()), strict=True):
        assert_answers(case, answers, published_detector)


def test_the_model_keeps_its_contract(client: VisionClient, published_detector: Path) -> None:
    assert client.check_contract().version == int(published_detector.name)


def test_a_contract_with_other_classes_is_refused(
    detector_server: str, published_detector: Path, cases: list[golden.GoldenCase]
) -> None:
    contract = contracts.load(published_detector).bind(["disc"])
    case = next(case for case in cases if (case.outputs["detection_classes"] == 2).any())
    with (
        VisionClient(
            detector_server, model="detector", contract=contract, timeout_s=PATIENCE_S
        ) as client,
        pytest.raises(errors.ContractBrokenError, match="expected classes 1 to 1, found class 2"),
    ):
        client.detect(next(iter(case.inputs.values())))


def test_what_the_graph_refuses(client: VisionClient) -> None:
    with pytest.raises(errors.InvalidArgumentError):
        client.detect(b"this is no photograph")
    assert client.status().available  # and it lives


def test_the_command_line(
    detector_server: str, published_detector: Path, shapes: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is no photograph")
    photographs = sorted((shapes / "JPEGImages").iterdir())[:2]
    namesake = tmp_path / photographs[0].name
    namesake.write_bytes(photographs[1].read_bytes())
    files = [*photographs, namesake]
    command = [sys.executable, "-m", "python_client", "detect", "--server", detector_server]
    command += ["--contract", str(published_detector), "--timeout", "60", "--min-score", "0.2"]
    command += ["--draw", str(tmp_path / "drawn" / "here"), str(broken), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    refused, *answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert refused["file"] == str(broken)
    assert "INVALID_ARGUMENT" in refused["error"]
    assert [answer["file"] for answer in answers] == list(map(str, files))
    assert answers[1]["detections"] == answers[2]["detections"]
    for answer, file in zip(answers, files, strict=True):
        assert answer["detections"]
        for one in answer["detections"]:
            assert list(one) == ["label", "class", "score", "box"]
            assert list(one["box"]) == ["ymin", "xmin", "ymax", "xmax"]
            assert one["score"] >= 0.2
        with Image.open(file) as original, Image.open(answer["drawn"]) as drawn:
            times = drawn.width // original.width
            assert drawn.size == (original.width * times, original.height * times)
    stem = photographs[0].stem
    assert [Path(answer["drawn"]).name for answer in answers] == [
        f"{stem}.png",
        f"{photographs[1].stem}.png",
        f"{stem}-2.png",
    ]


def test_a_directory_that_cannot_be_drawn_into(
    detector_server: str, shapes: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "python_client", "detect", "--server", detector_server]
    command += ["--draw", str(tmp_path / "file"), str(next((shapes / "JPEGImages").iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected a directory to draw into" in done.stderr
