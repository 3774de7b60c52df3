"""Which files of a folder are photographs: what systems leave there, suffixes, and first bytes.

What a file is, its first bytes tell; nothing is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from export.errors import DataSetError
from export.file_names import escaped
from serving_config import image_files
from serving_config.jpeg_orientation import JPEG_START

HEAD = 16
"""Bytes that tell what a file is."""

# What systems and programs leave in folders of photographs: Synology, QNAP, macOS, Windows, Picasa.
_LITTER = frozenset(
    (
        *("@eadir", "@recycle", "#recycle", "#snapshot", "@tmp", "__macosx", "lost+found"),
        *("$recycle.bin", "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini"),
        *("picasa.ini", "icon\r", "__pycache__"),
    )
)
_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
        *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".ico", ".dng", ".cr2", ".nef", ".arw"),
    )
)


def is_litter(name: str) -> bool:
    """Tell whether a file or folder of this name is nobody's data."""
    return name.startswith(".") or name.lower() in _LITTER


def looks_like_one(path: Path) -> bool:
    """Tell whether a file's name is a photograph's."""
    return path.suffix.lower() in _SUFFIXES


def is_one(head: bytes) -> bool:
    """Tell whether a file that begins so is one that the toolkit reads, JPEG or PNG."""
    return head.startswith((JPEG_START, image_files.PNG_START))


def why_none(head: bytes, suffix: str) -> str:
    """Say in a user's words what a file is that looks like a photograph and is none.

    Args:
        head: Its first bytes.
        suffix: Of its name.
    """
    if not head:
        return "empty"
    what, _, advice = image_files.kind(head).partition("; ")
    if not advice:
        what = "no image, whatever its name says"
    if suffix.lower() in (".jpg", ".jpeg", ".png") and advice:
        what += f" named {suffix}"
    return f"{what}; {advice}" if advice else what


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, sorted, through links too, each folder once, no litter.

    Raises:
        DataSetError: A folder cannot be read.
    """
    return _walk(folder, set())


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as err:
        raise DataSetError(f"{escaped(folder)} cannot be read: {err.strerror}") from err
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if is_litter(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        elif entry.is_file():
            yield Path(entry.path)
        elif entry.is_symlink():
            yield Path(entry.path)  # leads nowhere: whoever opens it says so
