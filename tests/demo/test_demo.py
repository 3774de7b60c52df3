"""The demo as a stranger runs it, on a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


def run_demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)


def test_from_photographs_to_agreeing_answers(
    photographs: Path, vision_client_jar: Path, tmp_path: Path
) -> None:
    data = tmp_path / "my photographs"
    for name in ("brick", "gravel"):
        (data / name).mkdir(parents=True)
        for path in sorted((photographs / name).iterdir())[:12]:
            shutil.copy(path, data / name)
    done = run_demo("--data", data, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line]
    answers = [row for row in rows if row.strip().startswith(("Python client", "Java"))]
    assert len(answers) == 3
    labels = {answer.split()[-2] for answer in answers}
    assert len(labels) == 1, answers
    assert any(row.startswith("farthest apart") and "(limit 1e-05)" in row for row in rows)
    first_next = rows.index("Try next:") + 1
    assert len(rows[first_next:]) == 3
    assert (tmp_path / "out" / "models" / "classifier" / "1" / "saved_model.pb").is_file()
    for picture in ("predictions.png", "training.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")

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
