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


def test_from_pictures_to_agreeing_answers(
    photographs: Path, vision_client_jar: Path, tmp_path: Path
) -> None:
    data = tmp_path / "my photographs"
    for name in ("brick", "gravel"):
        (data / name).mkdir(parents=True)
        for path in sorted((photographs / name).iterdir())[:12]:
            shutil.copy(path, data / name)
    out = tmp_path / "out"
    done = run_demo("--data", data, "--out", out, "--scenes", "24")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line]
    answers = [row for row in rows if row.strip().startswith(("Python client", "Java"))]
    assert len(answers) == 6
    labels = {answer.split()[-2] for answer in answers[:3]}
    assert len(labels) == 1, answers
    found = {answer.split("  ")[-1].strip() for answer in answers[3:]}
    assert len(found) == 1, answers
    apart = [row for row in rows if row.strip().startswith("farthest apart")]
    assert len(apart) == 2
    assert "(tolerance 5e-05)" in apart[0]
    assert "(tolerance 5e-05)" in apart[1]
    (measured,) = (row for row in rows if row.strip().startswith("mAP@0.5"))
    assert 0 <= float(measured.split()[1]) <= 1
    assert len(rows[rows.index("Try next:") + 1 :]) == 3

    # The models folder is what the serving image expects, and one file hosts all of it.
    config = (out / "models.config").read_text()
    image_config = (REPO / "serving_config" / "models.config").read_text()
    expected = re.findall(r'base_path: "/models/(\w+)"', image_config)
    assert expected == ["classifier", "detector"]
    for model in expected:
        assert (out / "models" / model / "1" / "saved_model.pb").is_file()
        assert f'name: "{model}"' in config
    pictures = [out / "predictions.png", out / "training.png"]
    pictures += (out / "evaluation" / "predictions.png", *(out / "detections").iterdir())
    assert len(pictures) == 3 + 3  # of 24 scenes an eighth is measured with, and asked about
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)

    # What it says to try next works as it is printed.
    java = rows[-1].strip()
    tried = subprocess.run(java, shell=True, cwd=REPO, capture_output=True, text=True, check=False)  # noqa: S602
    assert tried.returncode == 0, tried.stderr
    assert f'"label":"{labels.pop()}"' in tried.stdout
    assert vision_client_jar.name in java


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_that_cannot_work_ends_in_one_message(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    done = run_demo("--data", tmp_path / folder, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "folder of class folders" in done.stderr or "at least two class folders" in done.stderr
    assert not done.stdout
