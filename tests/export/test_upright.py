"""The served graph turns photographs upright by the rule that Python states, byte for byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_client import VisionClient, load_image
from serving_config.image_files import decode
from serving_config.jpeg_orientation import jpeg_orientation
from tests import orientations
from tests.running import PATIENCE_S
from tests.serving_config.test_image_files import PNG_FILES

SIDE = Path(__file__).with_name("tensorflow_side.py")
CASES = orientations.cases()
JPEG_FILES = {
    "progressive": orientations.lying(orientations.picture(), 6, progressive=True),
    "4:2:0": orientations.lying(orientations.picture(), 3, subsampling=2, quality=70),
    "4:2:2": orientations.lying(orientations.picture(33, 51), 8, subsampling=1),
    "restart markers": orientations.lying(orientations.picture(), 5, restart_marker_rows=1),
    "quality 100": orientations.lying(orientations.picture(), 7, quality=100),
}
FUZZED = 3_000


def fuzzed() -> dict[str, bytes]:
    """Return beginnings of files, their notes damaged at random places."""
    random = np.random.default_rng(0)
    whole = [case.file[:200] for case in CASES.values()]
    files = {}
    for number in range(FUZZED):
        file = bytearray(whole[random.integers(len(whole))])
        for _ in range(random.integers(1, 6)):
            file[random.integers(2, 60)] = random.integers(256)
        files[f"fuzzed {number}"] = bytes(file[: random.integers(4, 201)])
    return files


@pytest.fixture(scope="module")
def graph(
    run_python: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the graph's operations make of all files: ``orientations``, ``pixels``."""
    asked = {
        "orientations": {name: case.file for name, case in CASES.items()} | fuzzed(),
        "pixels": {name: case.file for name, case in CASES.items()} | PNG_FILES | JPEG_FILES,
    }
    file = tmp_path_factory.mktemp("upright") / "files.json"
    file.write_text(
        json.dumps(
            {
                what: {name: base64.b64encode(one).decode() for name, one in files.items()}
                for what, files in asked.items()
            }
        )
    )
    ran = run_python(SIDE, "upright", file)
    assert ran.code == 0, ran.err
    result: dict[str, Any] = ran.result
    return result


@pytest.mark.parametrize("name", CASES)
def test_the_graph_reads_the_note(graph: dict[str, Any], name: str) -> None:
    assert graph["orientations"][name] == CASES[name].orientation


def test_the_graph_and_python_read_damaged_notes_alike(graph: dict[str, Any]) -> None:
    files = fuzzed()
    assert {name: graph["orientations"][name] for name in files} == {
        name: jpeg_orientation(file) for name, file in files.items()
    }
    assert len({graph["orientations"][name] for name in files}) > 4


@pytest.mark.parametrize("name", [*CASES, *PNG_FILES, *JPEG_FILES])
def test_python_decodes_the_very_bytes(graph: dict[str, Any], name: str) -> None:
    file = CASES[name].file if name in CASES else {**PNG_FILES, **JPEG_FILES}[name]
    found = graph["pixels"][name]
    pixels = np.frombuffer(base64.b64decode(found["bytes"]), np.uint8).reshape(found["shape"])
    # A broken colour profile is read by Pillow, whose transform is another.
    levels = 18 if name == "behind 130 kB of colour profile" else 0
    np.testing.assert_allclose(decode(file).astype(int), pixels, rtol=0, atol=levels)


def test_a_server_answers_a_file_as_its_upright_pixels(
    classifier_server: str, photographs: Path
) -> None:
    photo = orientations.Image.open(next((photographs / "brick").iterdir())).convert("RGB")
    photo = photo.resize((160, 120))
    files = [orientations.lying(photo, number) for number in range(1, 9)]
    with VisionClient(classifier_server, timeout_s=PATIENCE_S) as client:
        by_file = client.classify(files)
        by_pixels = client.classify([load_image(file) for file in files])
    first = list(by_file[0].logits.values())
    for one, other in zip(by_file, by_pixels, strict=True):
        assert list(one.logits.values()) == pytest.approx(list(other.logits.values()), abs=1e-4)
        # Eight JPEG files of one picture: their blocks differ, not what is to be seen.
        assert list(one.logits.values()) == pytest.approx(first, abs=0.5)
