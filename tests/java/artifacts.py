"""The Java artifacts as a repository serves them, and Maven as a stranger runs it."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.java.consumers import projects
from tests.once import Once
from tests.running import PATIENCE_S, REPO

GROUP = "io.thecodeforge.ml"
MODULES = ("contract", "grpc-client", "embedded", "junit", "cli")
SPRING_BOOT = REPO / "java_client" / "examples" / "spring-boot"
DEVELOPERS = Path.home() / ".m2" / "repository"
# So that what a test fetches is there for the next run, whichever top folder it belongs to.
TOP_FOLDERS = ("ch", "com", "dev", "info", "io", "jakarta", "javax", "net", "org", "tools")


def maven(
    *words: str | Path, cwd: Path, repository: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Maven, one at a time: its local repository bears no two that fetch the same.

    Args:
        words: Its arguments.
        cwd: Where.
        repository: Local repository; the developer's own unless given.
    """
    local = [f"-Dmaven.repo.local={repository}"] if repository else []
    DEVELOPERS.mkdir(parents=True, exist_ok=True)
    with (DEVELOPERS.parent / "vision-forge-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            ["mvn", "-B", "-q", *local, *map(str, words)],  # noqa: S607
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )


def local_repository(folder: Path) -> Path:
    """Return a local repository with what the developer has of everybody but this project.

    Links to the developer's folders, so that what is fetched stays; ours is a folder of its own.
    """
    for name in TOP_FOLDERS:
        (DEVELOPERS / name).mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    for source in DEVELOPERS.iterdir():
        if source.name != "io":
            (folder / source.name).symlink_to(source)
    (folder / "io").mkdir()
    for source in (DEVELOPERS / "io").iterdir():
        if source.name != "thecodeforge":
            (folder / "io" / source.name).symlink_to(source)
    return folder


def settings(folder: Path, artifacts: Path) -> Path:
    """Write settings that add the repository of our artifacts; return ``-gs``'s argument."""
    file = folder / "settings.xml"
    repository = f"<repository><id>vision</id><url>{artifacts.as_uri()}</url></repository>"
    file.write_text(
        "<settings><profiles><profile><id>vision</id>"
        f"<repositories>{repository}</repositories></profile></profiles>"
        "<activeProfiles><activeProfile>vision</activeProfile></activeProfiles></settings>",
        encoding="utf-8",
    )
    return file


def path_of(artifacts: Path, name: str, version: str, suffix: str) -> Path:
    """Return the path of ``vision-NAME`` in a repository; suffix ``.jar``, ``-sources.jar``, …."""
    artifact = f"vision-{name}"
    folder = artifacts.joinpath(*GROUP.split("."), artifact, version)
    return folder / f"{artifact}-{version}{suffix}"


def deploy(folder: Path, *words: str) -> Path:
    """Build a copy of the sources as a release and deploy it; return the repository's folder.

    Args:
        folder: Where the copy and the repository are made.
        words: More of Maven's arguments.
    """
    source, repository = folder / "source", folder / "repository"
    built = shutil.ignore_patterns("target")
    for name in ("java_client", "protos", "serving_config", "tests/signature_contract"):
        shutil.copytree(REPO / name, source / name, ignore=built)
    shutil.copy(REPO / "LICENSE", source)
    ran = maven(
        *("deploy", "-Prelease", "-DskipTests", "-Dspotless.check.skip"),
        *("-f", source / "java_client" / "pom.xml"),
        f"-DaltDeploymentRepository=vision::{repository.as_uri()}",
        *words,
        cwd=folder,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    return repository


@pytest.fixture(scope="session")
def artifacts(once: Once) -> Path:
    """A repository with this project's artifacts, deployed from a copy of the sources."""
    return Path(once("java_artifacts", lambda folder: str(deploy(folder))))


@pytest.fixture(scope="session")
def consumers(once: Once, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Projects of other people, built with Maven; see :mod:`tests.java.consumers.projects`."""

    def make(folder: Path) -> str:
        projects.write(folder)
        shutil.copytree(
            SPRING_BOOT, folder / SPRING_BOOT.name, ignore=shutil.ignore_patterns("target")
        )
        local = tmp_path_factory.mktemp("consumers")
        ran = maven(
            *("package", "-gs", settings(local, artifacts)),
            cwd=folder,
            repository=local_repository(local / "repository"),
        )
        assert ran.returncode == 0, ran.stdout[-5000:]
        return str(folder)

    return Path(once("java_consumers", make))
