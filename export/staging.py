"""Put a folder into its place whole or not at all.

It is written beside its place, under a name that no server takes for a version, flushed to disk and
renamed: readers see nothing or everything, also after a power cut.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from export.disk import flush, flush_directory


@contextlib.contextmanager
def beside(home: Path) -> Iterator[Path]:
    """Yield an empty folder on the file system of ``home``; what is left of it vanishes.

    Args:
        home: The directory that the folder is to be placed in; made if missing.

    Raises:
        OSError: ``home`` cannot be made or written.
    """
    home.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=".staging-", dir=home))
    try:
        # mkdtemp's directory is ours alone; what is placed must be readable by the server's user.
        folder = holder / "version"
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def place(folder: Path, target: Path) -> None:
    """Flush a folder and give it its name.

    Args:
        folder: On the file system of ``target``.
        target: Where it goes.

    Raises:
        FileExistsError: Something is there already.
        OSError: It cannot be flushed or renamed.
    """
    flush(folder)
    # Renaming onto an existing *empty* directory would succeed, and hide it.
    if target.exists():
        raise FileExistsError(f"{target} exists")
    try:
        folder.rename(target)
    except OSError as err:
        if target.exists():  # somebody was faster
            raise FileExistsError(f"{target} exists") from err
        raise
    flush_directory(target.parent)
