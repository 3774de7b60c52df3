"""What a test needs beside Python, as markers: ``pytest -m "not training and not jvm"``.

A test that takes one of the fixtures below has its marker; a module or test that does the same
without a fixture says so itself (``pytestmark = pytest.mark.training``).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MARKERS = {
    "training": "trains a network, or reads a model that was trained for the tests",
    "jvm": "starts a Java program",
    "tensorflow": "starts programs that import TensorFlow",
    "browser": "opens pages in Chromium",
    "postgres": "starts a PostgreSQL server",
    "long": "takes ten seconds or more without any of these, by itself or with its file",
    "containers": "builds and runs the image of Dockerfile.serving",
}
# Whoever takes a fixture takes what it is made of, so the innermost ones suffice.
OF_FIXTURES = {
    "published": "training",
    "trained_detector": "training",
    "kept_classifier": "training",
    "kept_detector": "training",
    "poor_version": "training",
    "aborting_ranks": "long",
    "vision_client_jar": "jvm",
    "artifacts": "jvm",
    "start_server": "tensorflow",
    "peoples": "tensorflow",
    "make_toy": "tensorflow",
    "side": "tensorflow",
    "evaluate": "tensorflow",
    "run_python": "tensorflow",
    "run_export": "tensorflow",
    "tab": "browser",
    "postgres": "postgres",
    "engine": "containers",
}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONTAINER_TOOLS = ("buildah", "podman", "runc", "catatonit")


def find_chromium() -> Path | None:
    """Return the path of an installed Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def find_postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs: on PATH, or Debian's of the newest version."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else debian
    return found[-1].parent if found else None


def missing_programs() -> dict[str, str]:
    """Return what pip does not bring and is not installed: Debian's package, to who needs it."""
    missing = {}
    if find_chromium() is None:
        missing["chromium"] = "browser"
    if find_postgresql() is None:
        missing["postgresql"] = "postgres"
    missing.update({tool: "containers" for tool in CONTAINER_TOOLS if not shutil.which(tool)})
    if not shutil.which("openssl"):
        missing["openssl"] = "TLS"
    return missing


def demand(need: str) -> None:
    """Skip the test when a program that it needs is missing; in CI, which installs all, fail.

    Args:
        need: A marker, or ``TLS``.
    """
    missing = [package for package, needed_by in missing_programs().items() if needed_by == need]
    if missing:
        packages = " ".join(missing)
        reason = f"not installed: {packages} (Debian: apt-get install {packages})"
        pytest.fail(reason) if _in_ci() else pytest.skip(reason)


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_report_header(config: pytest.Config) -> str | None:  # noqa: ARG001
    """Say before anything runs what is missing, how to install it and what will be skipped."""
    missing = missing_programs()
    if not missing:
        return None
    skipped = ", ".join(dict.fromkeys(missing.values()))
    return (
        f"not installed: {', '.join(missing)} (Debian: apt-get install {' '.join(missing)}); "
        f"the tests of {skipped} {'fail' if _in_ci() else 'are skipped'}"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with what its fixtures need; put files first that train.

    Workers take files in this order: the longest must not be begun last.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for marker in {OF_FIXTURES[name] for name in fixtures if name in OF_FIXTURES}:
            item.add_marker(marker)
    trains = {item.path for item in items if item.get_closest_marker("training")}
    items.sort(key=lambda item: item.path not in trains)
