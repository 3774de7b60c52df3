"""Waiting until files are on the disk, so that a rename shows them whole after a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def flush(directory: Path) -> None:
    """Wait until everything below ``directory`` is on the disk, so that a rename shows it whole."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            flush_directory(path)
    flush_directory(directory)


def flush_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    with contextlib.suppress(OSError):  # some file systems cannot flush a directory
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
