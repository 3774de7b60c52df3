"""What a run was made of: its files by content, and the libraries that ran it.

The same in every ``run.json``, so that two runs can be compared without the photographs.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

_READERS = 4  # hashing releases the interpreter lock


def fingerprint(directory: Path, files: Iterable[Path]) -> str:
    """Return one number for a set of files, by name and content.

    Args:
        directory: The data set's folder; moving it changes nothing.
        files: The files that are used, below ``directory``, in any order.

    Returns:
        SHA-256 in hexadecimal over the relative paths, sorted, each with its content's SHA-256.
    """
    used = sorted({(path.relative_to(directory).as_posix(), path) for path in files})
    total = hashlib.sha256()
    with ThreadPoolExecutor(_READERS) as pool:
        contents = pool.map(_digest, [path for _, path in used])
        for (name, _), content in zip(used, contents, strict=True):
            total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


def data_record(
    directory: Path,
    training: Sequence[Path],
    validation: Sequence[Path],
    labels: Iterable[Path] = (),
) -> dict[str, Any]:
    """Describe a data set as ``run.json`` holds it.

    Args:
        directory: The data set's folder.
        training: Images trained on, below ``directory``.
        validation: Images held out, below ``directory``.
        labels: Files that hold labels (annotations), where folders do not; part of the fingerprint.

    Returns:
        ``directory`` (absolute), ``fingerprint``, and ``training`` and ``validation``: paths
        relative to ``directory``, POSIX.
    """
    return {
        "directory": str(directory.resolve()),
        "fingerprint": fingerprint(directory, [*training, *validation, *labels]),
        "training": [path.relative_to(directory).as_posix() for path in training],
        "validation": [path.relative_to(directory).as_posix() for path in validation],
    }


def versions() -> dict[str, str]:
    """Return the versions of what decides the figures: keras, tensorflow, numpy, python."""
    named = {name: version(name) for name in ("keras", "tensorflow", "numpy")}
    return {**named, "python": platform.python_version()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
