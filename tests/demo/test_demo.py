"""The demo as a stranger runs it, on a folder of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.training, pytest.mark.jvm]

REPO = Path(__file__).resolve().parents[2]


def run_demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo writes."""
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def rows(
    photographs: Path,
    vision_client_jar: Path,  # noqa: ARG001  # the demo asks with it
    out: Path,
) -> list[str]:
    """What the demo prints, on photographs of two classes and of 24 scenes."""
    data = out.parent / "my photographs"
    for name in ("brick", "gravel"):
        (data / name).mkdir(parents=True)
        for path in sorted((photographs / name).iterdir())[:12]:
            shutil.copy(path, data / name)
    done = run_demo("--data", data, "--out", out, "--scenes", "24")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.fixture(scope="module")
def answers(rows: list[str]) -> list[str]:
    """The rows that say what each client was answered: of the classifier, then the detector."""
    return [row for row in rows if row.strip().startswith(("Python client", "Java"))]


def test_three_clients_ask_each_model(answers: list[str]) -> None:
    assert len(answers) == 6


def test_all_clients_are_answered_the_same_class(answers: list[str]) -> None:
    labels = {answer.split()[-2] for answer in answers[:3]}
    assert len(labels) == 1, answers


def test_all_clients_are_answered_the_same_detections(answers: list[str]) -> None:
    found = {answer.split("  ")[-1].strip() for answer in answers[3:]}
    assert len(found) == 1, answers


def test_how_far_the_answers_are_apart_is_said_with_the_tolerance(rows: list[str]) -> None:
    apart = [row for row in rows if row.strip().startswith("farthest apart")]
    assert len(apart) == 2
    for row in apart:
        assert "(tolerance 5e-05)" in row


def test_the_detector_is_measured(rows: list[str]) -> None:
    (measured,) = (row for row in rows if row.strip().startswith("mAP@0.5"))
    assert 0 <= float(measured.split()[1]) <= 1


def test_three_things_to_try_next_end_the_demo(rows: list[str]) -> None:
    assert len(rows[rows.index("Try next:") + 1 :]) == 3


@pytest.fixture(scope="module")
def in_the_image() -> list[str]:
    """The models that the serving image expects."""
    config = (REPO / "serving_config" / "models.config").read_text()
    return re.findall(r'base_path: "/models/(\w+)"', config)


def test_the_serving_image_expects_both_models(in_the_image: list[str]) -> None:
    assert in_the_image == ["classifier", "detector"]


@pytest.mark.usefixtures("rows")
def test_the_models_folder_is_what_the_serving_image_expects(
    out: Path, in_the_image: list[str]
) -> None:
    for model in in_the_image:
        assert (out / "models" / model / "1" / "saved_model.pb").is_file()


@pytest.mark.usefixtures("rows")
def test_one_file_hosts_every_model(out: Path, in_the_image: list[str]) -> None:
    config = (out / "models.config").read_text()
    for model in in_the_image:
        assert f'name: "{model}"' in config


@pytest.mark.usefixtures("rows")
def test_pictures_show_the_training_and_the_answers(out: Path) -> None:
    pictures = [out / "predictions.png", out / "training.png"]
    pictures += (out / "evaluation" / "predictions.png", *(out / "detections").iterdir())
    assert len(pictures) == 3 + 3  # of 24 scenes an eighth is measured with, and asked about
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_the_java_command_to_try_next_works_as_it_is_printed(
    rows: list[str], answers: list[str], vision_client_jar: Path
) -> None:
    java = rows[-1].strip()
    tried = subprocess.run(java, shell=True, cwd=REPO, capture_output=True, text=True, check=False)  # noqa: S602
    assert tried.returncode == 0, tried.stderr
    label = answers[0].split()[-2]
    assert f'"label":"{label}"' in tried.stdout
    assert vision_client_jar.name in java


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_that_cannot_work_ends_in_one_message(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    done = run_demo("--data", tmp_path / folder, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "folder of class folders" in done.stderr or "at least two class folders" in done.stderr
    assert not done.stdout
