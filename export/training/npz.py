"""NumPy's ``.npz`` files, written one array at a time: a network's weights are large together."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

DAMAGE = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading cut or overwritten files raises."""


def write(path: Path, arrays: Iterable[tuple[str, Any]]) -> None:
    """Write a file for ``np.load``.

    Args:
        path: The file.
        arrays: Name and array, or variable; each is read when its turn comes. Of any dtype but
            object.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
