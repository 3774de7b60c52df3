"""What a run was made of: its files by content, and the libraries that ran it.

The same in every ``run.json``, so that two runs can be compared without the photographs.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from export.file_names import escaped

_READERS = 4  # hashing releases the interpreter lock


def digests(files: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each file's content, in hexadecimal."""
    paths = list(files)
    with ThreadPoolExecutor(_READERS) as pool:
        return dict(zip(paths, pool.map(_digest, paths), strict=True))


def fingerprint(
    directory: Path, files: Iterable[Path], contents: Mapping[Path, str] | None = None
) -> str:
    """Return one number for a set of files, by name and content.

    Args:
        directory: The data set's folder; moving it changes nothing.
        files: The files that are used, below ``directory``, in any order.
        contents: What :func:`digests` gave of them, so that they need not be read again.

    Returns:
        SHA-256 in hexadecimal over the relative paths, sorted, each with its content's SHA-256.
    """
    used = sorted({(os.fsencode(path.relative_to(directory)), path) for path in files})
    if contents is None:
        contents = digests(path for _, path in used)
    total = hashlib.sha256()
    for name, path in used:
        total.update(name + f"\0{contents[path]}\n".encode())
    return total.hexdigest()


def data_record(
    directory: Path,
    training: Sequence[Path],
    validation: Sequence[Path],
    labels: Iterable[Path] = (),
    contents: Mapping[Path, str] | None = None,
) -> dict[str, Any]:
    """Describe a data set as ``run.json`` holds it.

    Args:
        directory: The data set's folder.
        training: Images trained on, below ``directory``.
        validation: Images held out, below ``directory``.
        labels: Files that hold labels (annotations), where folders do not; part of the fingerprint.
        contents: As for :func:`fingerprint`.

    Returns:
        ``directory`` (absolute), ``fingerprint``, and ``training`` and ``validation``: paths
        relative to ``directory``, POSIX, bytes that are no UTF-8 escaped.
    """
    return {
        "directory": escaped(directory.resolve()),
        "fingerprint": fingerprint(directory, [*training, *validation, *labels], contents),
        "training": [escaped(path.relative_to(directory)) for path in training],
        "validation": [escaped(path.relative_to(directory)) for path in validation],
    }


def versions() -> dict[str, str]:
    """Return the versions of what decides the figures: keras, tensorflow, numpy, python."""
    named = {name: version(name) for name in ("keras", "tensorflow", "numpy")}
    return {**named, "python": platform.python_version()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
