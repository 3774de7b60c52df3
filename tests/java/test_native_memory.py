"""Native memory beside a small heap: what the library lifts, and what it says without any."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.running import PATIENCE_S, REPO

PROGRAM = REPO / "tests" / "java" / "HundredPhotographs.java"

pytestmark = pytest.mark.long


def _run(jar: Path, options: list[str], *arguments: object) -> list[str]:
    command = ["java", "-Xmx192m", *options, "-cp", f"{jar}:{jar.parent / 'lib' / '*'}"]
    done = subprocess.run(
        [*command, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_hundred_photographs_beside_a_heap_of_192_mb(
    vision_client_jar: Path, published: Path, photographs: Path
) -> None:
    # 900 MB of something else: JavaCPP's own limit would be four times the heap.
    options = ["-XX:MaxDirectMemorySize=2g"]
    said = _run(vision_client_jar, options, published, photographs, 900)
    sizes = ["100", "1", "100", "1", "pixels", "1", "1"]
    assert [line.split(", ")[0] for line in said] == [
        f"{size}: answered {100 if size == 'pixels' else size}" for size in sizes
    ]


def test_where_the_user_sets_a_limit_one_call_fails(
    vision_client_jar: Path, published: Path, photographs: Path
) -> None:
    limit = "-Dorg.bytedeco.javacpp.maxPhysicalBytes=1200m"
    options = [limit, "-XX:MaxDirectMemorySize=2g"]
    *_, full, free = _run(vision_client_jar, options, published, photographs, 1300)
    assert full.startswith("1: NativeMemoryException: native memory ran out in this call (Physical")
    assert "ask about fewer images at once, or raise" in full
    assert free.startswith("1: answered 1, ")
