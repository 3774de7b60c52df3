"""What is committed beside the ``.proto`` files is what the compiler makes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from protos.compilation import FOLDER, STUB, compiled
from protos.pool import DESCRIPTORS

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def files(vision_client_jar: Path) -> dict[str, bytes]:
    """The files as they are compiled now; with the jar comes the compiler."""
    assert vision_client_jar.is_file()
    return compiled()


def test_the_descriptors(files: dict[str, bytes]) -> None:
    committed = FileDescriptorSet.FromString((FOLDER / DESCRIPTORS).read_bytes())
    assert committed == FileDescriptorSet.FromString(files[DESCRIPTORS]), "run: python -m protos"


def test_the_stub(files: dict[str, bytes]) -> None:
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", f"protos/{STUB}", "-"],
        cwd=REPO,
        input=files[STUB].decode(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert (FOLDER / STUB).read_text(encoding="utf-8") == formatted, "run: python -m protos"


def test_every_file_says_what_it_is_for() -> None:
    for path in FOLDER.rglob("*.proto"):
        assert path.read_text(encoding="utf-8").startswith("// "), path
