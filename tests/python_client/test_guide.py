"""Every snippet of docs/python_client.md runs as it stands, against a real server."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
GUIDE = (REPO / "docs" / "python_client.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^(python -m python_client .*)$", GUIDE, re.MULTILINE)


@pytest.fixture
def workplace(tmp_path: Path, published: Path, photographs: Path) -> Path:
    """A directory with the files that the guide speaks of."""
    (tmp_path / "cat.jpg").write_bytes(next(photographs.glob("*/*")).read_bytes())
    (tmp_path / "MODELS").symlink_to(published.parent.parent, target_is_directory=True)
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("a stand-in: gRPC reads it when it connects\n")
    return tmp_path


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_snippets(number: int, workplace: Path, classifier_server: str) -> None:
    # A reader goes through the guide from the top, so the imports above hold further down.
    code = "from pathlib import Path\n" + SNIPPETS[number]
    _run([sys.executable, "-c", code.replace("localhost:8500", classifier_server)], workplace)


def test_commands(workplace: Path, classifier_server: str) -> None:
    assert len(COMMANDS) == 4
    for line in COMMANDS:
        _, *arguments = shlex.split(line.replace("localhost:8500", classifier_server))
        assert _run([sys.executable, *arguments], workplace)


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
