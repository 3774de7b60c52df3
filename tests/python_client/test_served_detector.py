"""The client against a real server with a trained detector: the golden corpus, and pictures."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from python_client import AsyncVisionClient, Detections, VisionClient, errors
from serving_config.layout import detections
from signature_contract import contract as contracts
from signature_contract import golden
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


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is no picture."""
    file = tmp_path_factory.mktemp("broken") / "broken.jpg"
    file.write_bytes(b"this is no photograph")
    return file


@pytest.fixture(scope="module")
def files(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two pictures, and the second once more under the first one's name in another folder."""
    photographs = sorted((shapes / "JPEGImages").iterdir())[:2]
    namesake = tmp_path_factory.mktemp("namesake") / photographs[0].name
    namesake.write_bytes(photographs[1].read_bytes())
    return [*photographs, namesake]


@pytest.fixture(scope="module")
def lines(
    detector_server: str,
    published_detector: Path,
    broken: Path,
    files: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[dict[str, Any]]:
    """What ``detect --draw`` prints of the broken file, and then of the pictures."""
    drawn = tmp_path_factory.mktemp("drawn") / "drawn" / "here"
    command = [sys.executable, "-m", "python_client", "detect", "--server", detector_server]
    command += ["--contract", str(published_detector), "--timeout", "60", "--min-score", "0.2"]
    command += ["--draw", str(drawn), str(broken), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_file_has_its_line(
    lines: list[dict[str, Any]], broken: Path, files: list[Path]
) -> None:
    assert [line["file"] for line in lines] == [str(broken), *map(str, files)]


def test_what_the_server_refuses_is_in_the_files_line(lines: list[dict[str, Any]]) -> None:
    assert "INVALID_ARGUMENT" in lines[0]["error"]


def test_the_same_picture_has_the_same_detections(lines: list[dict[str, Any]]) -> None:
    _, _, second, namesake = lines
    assert second["detections"] == namesake["detections"]


def test_a_detection_has_its_members_in_order(lines: list[dict[str, Any]]) -> None:
    for answer in lines[1:]:
        assert answer["detections"]
        for one in answer["detections"]:
            assert list(one) == ["label", "class", "score", "box"]
            assert list(one["box"]) == ["ymin", "xmin", "ymax", "xmax"]


def test_detections_below_the_wanted_score_are_left_out(lines: list[dict[str, Any]]) -> None:
    for answer in lines[1:]:
        for one in answer["detections"]:
            assert one["score"] >= 0.2


def test_a_drawing_is_the_picture_enlarged_in_proportion(
    lines: list[dict[str, Any]], files: list[Path]
) -> None:
    for answer, file in zip(lines[1:], files, strict=True):
        with Image.open(file) as original, Image.open(answer["drawn"]) as drawn:
            times = drawn.width // original.width
            assert drawn.size == (original.width * times, original.height * times)


def test_a_drawing_has_its_pictures_name_and_a_namesakes_a_number(
    lines: list[dict[str, Any]], files: list[Path]
) -> None:
    first, second = files[0].stem, files[1].stem
    assert [Path(answer["drawn"]).name for answer in lines[1:]] == [
        f"{first}.png",
        f"{second}.png",
        f"{first}-2.png",
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
