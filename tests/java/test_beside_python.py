"""The guide's table of Java beside Python holds: what it names exists, what exists is in it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
from pathlib import Path

import pytest

import python_client
from tests.running import PATIENCE_S, REPO

PACKAGES = ("", "model.", "grpc.", "image.", "embedded.")
_JAVAP = "javap"
CALLS = ("VisionClient", "ModelClient", "AsyncVisionClient")


def _rows() -> list[tuple[str, str]]:
    guide = (REPO / "docs" / "java.md").read_text(encoding="utf-8")
    table = guide.split("### Java beside Python")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return rows[1:]  # without the heading


def test_every_cell_says_something() -> None:
    rows = _rows()
    assert len(rows) > 30
    for python, java in rows:
        assert python.strip()
        assert java.startswith(("`", "none: ")), python


def test_all_that_pythons_clients_can_is_in_the_table() -> None:
    left = " ".join(python for python, _ in _rows())
    for name in CALLS:
        methods = inspect.getmembers(getattr(python_client, name), inspect.isroutine)
        for method, _ in methods:
            if not method.startswith("_"):
                assert re.search(rf"\.{method}\b", left), f"{name}.{method}"
    for name in ("VisionClient", "ModelClient"):
        client = getattr(python_client, name)
        for call in (
            (client.__init__, client.classify) if name == "VisionClient" else (client.predict,)
        ):
            keywords = [
                one.name
                for one in inspect.signature(call).parameters.values()
                if one.kind is one.KEYWORD_ONLY and one.name not in ("options", "output_filter")
            ]
            for keyword in keywords:
                assert f"{keyword}=" in left, f"{name}: {keyword}"
    for field in dataclasses.fields(python_client.ChannelOptions):
        assert f"ChannelOptions.{field.name}" in left


@pytest.fixture(scope="module")
def public_names(vision_client_jar: Path) -> dict[str, set[str]]:
    """By class, the public methods that Java has."""
    named = {word for _, java in _rows() for word in re.findall(r"`(\w+)\.", java)}
    classes = [f"io.thecodeforge.ml.{package}{name}" for name in named for package in PACKAGES]
    libraries = f"{vision_client_jar}:{vision_client_jar.parent / 'lib' / '*'}"
    # What is in none of the packages tried is said on standard error, and is no fault.
    done = subprocess.run(
        [_JAVAP, "-cp", _expanded(libraries), "-public", *classes],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    found: dict[str, set[str]] = {}
    for body in re.findall(r"^public .*?^}", done.stdout, re.MULTILINE | re.DOTALL):
        name = re.search(r"(?:class|interface) [\w.]*?(\w+)(?:[<{ ]|$)", body)
        assert name, body
        found[name[1]] = set(re.findall(r"(\w+)\(", body))
    return found


def _expanded(class_path: str) -> str:
    """Write a wildcard out, which javap does not know."""
    parts = []
    for part in class_path.split(":"):
        folder = Path(part)
        parts += map(str, folder.parent.glob("*.jar")) if folder.name == "*" else [part]
    return ":".join(parts)


def test_what_it_names_of_java_exists(public_names: dict[str, set[str]]) -> None:
    for _, java in _rows():
        if java.startswith("none: "):
            continue
        first, *others = re.findall(
            r"`([\w.]+)`", java.split(" (")[0].split(", on a")[0].split(":")[0]
        )
        owner = first.split(".")[0]
        for name in (first, *others):
            class_name, _, method = name.rpartition(".")
            methods = public_names[class_name or owner]
            assert method in methods, f"{name}: {sorted(methods)}"
