"""Every snippet of docs/python_client.md runs as it stands, against a real server."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
GUIDE = (REPO / "docs" / "python_client.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^(python -m python_client .*)$", GUIDE, re.MULTILINE)


@pytest.fixture
def workplace(tmp_path: Path, published: Path, published_detector: Path, photographs: Path) -> Path:
    """A directory with the files that the guide speaks of."""
    photograph = next(photographs.glob("*/*")).read_bytes()
    (tmp_path / "cat.jpg").write_bytes(photograph)
    request = {"inputs": {"image_bytes": [{"b64": base64.b64encode(photograph).decode()}]}}
    (tmp_path / "request.json").write_text(json.dumps(request))
    (tmp_path / "MODELS").mkdir()
    for version in (published, published_detector):
        link = tmp_path / "MODELS" / version.parent.name
        link.symlink_to(version.parent, target_is_directory=True)
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("a stand-in: gRPC reads it when it connects\n")
    return tmp_path


@pytest.fixture(scope="module")
def target(
    published: Path,
    published_detector: Path,
    start_server: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A server with both models, as the guide takes for granted."""
    config = tmp_path_factory.mktemp("guide") / "models.config"
    entries = "".join(
        f'config {{ name: "{version.parent.name}" base_path: "{version.parent}" '
        'model_platform: "tensorflow" }\n'
        for version in (published, published_detector)
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n", encoding="utf-8")
    server = start_server(f"--model_config_file={config}", "--enable_grpc_healthcheck_service")
    return str(server.target)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_snippets(number: int, workplace: Path, target: str) -> None:
    # A reader goes through the guide from the top, so the imports above hold further down.
    code = "from pathlib import Path\n" + SNIPPETS[number]
    _run([sys.executable, "-c", code.replace("localhost:8500", target)], workplace)


def test_commands(workplace: Path, target: str) -> None:
    assert len(COMMANDS) == 6
    for line in COMMANDS:
        _, *arguments = shlex.split(line.replace("localhost:8500", target))
        assert _run([sys.executable, *arguments], workplace)


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
