"""Rows of numbers on disk: what is computed once and read in every epoch, larger than memory.

Read by position and not mapped into memory: pages of a mapped file count as the process's own until
others need them, and a limit on a container's memory counts them too. What fits into memory is
served from there by the operating system all the same.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_SLICE = 256  # rows of one read when many neighbours are wanted


class RowStore:
    """Rows of one shape, written once in order, then read in any.

    The file has no name: it is gone with the process, however that ends.

    Attributes:
        shape: Of a row.
    """

    def __init__(
        self, directory: Path | None, shape: tuple[int, ...], dtype: str = "float32"
    ) -> None:
        """Open an empty store.

        Args:
            directory: Where its file lies; None: where the system keeps temporary files.
            shape: Of a row.
            dtype: As rows are kept, ``float32`` or ``float16``; they are read as float32.
        """
        self.shape, self._dtype = shape, np.dtype(dtype)
        self._file, name = tempfile.mkstemp(dir=directory)
        Path(name).unlink()
        weakref.finalize(self, os.close, self._file)
        self._row_bytes = int(np.prod(shape)) * self._dtype.itemsize
        self._rows = 0

    def append(self, rows: Array) -> None:
        """Add rows at the end.

        Args:
            rows: Real [n, *shape].

        Raises:
            OSError: The disk is full.
        """
        content = memoryview(np.ascontiguousarray(rows, self._dtype).data).cast("B")
        while content:
            content = content[os.write(self._file, content) :]
        self._rows += len(rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._rows

    def __getitem__(self, rows: slice | Array) -> Array:
        """Read rows: float32 [n, *shape], in the order that they are asked for."""
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self._rows)
            return self._read(start, max(0, stop - start)).astype(np.float32, copy=False)
        found = np.empty((len(rows), *self.shape), np.float32)
        for position, row in enumerate(np.asarray(rows).tolist()):
            found[position] = self._read(row, 1)[0]
        return found

    def slices(self) -> Iterator[Array]:
        """Yield all rows in order, some at once."""
        for start in range(0, self._rows, _SLICE):
            yield self[start : start + _SLICE]

    def _read(self, first: int, count: int) -> Array:
        found = np.empty((count, *self.shape), self._dtype)
        view, offset = memoryview(found.data).cast("B"), first * self._row_bytes
        while view:
            done = os.preadv(self._file, [view], offset)
            view, offset = view[done:], offset + done
        return found
