"""What is on disk: the numbered directories below a model's base path."""

from __future__ import annotations

from pathlib import Path

_MAX_VERSION = 2**63 - 1


def find_versions(base_path: Path) -> dict[int, Path]:
    """List the versions below ``base_path``.

    Anything whose name is not a number is ignored, in particular what a publisher is still writing
    under another name. Symbolic links are followed, as TensorFlow Serving does.

    Args:
        base_path: A model's directory.

    Returns:
        Directory by version number.

    Raises:
        OSError: The directory cannot be listed.
    """
    found: dict[int, Path] = {}
    for entry in sorted(base_path.iterdir()):
        if entry.name.isascii() and entry.name.isdigit() and int(entry.name) <= _MAX_VERSION:
            found.setdefault(int(entry.name), entry)
    return found
