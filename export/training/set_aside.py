"""Values of variables set aside on disk, so that a network lies in memory once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ResumeError
from export.training import npz

Array = np.ndarray[Any, Any]


class SetAside:
    """What variables held at some moment, in a file without a name.

    Whatever ends the process, nothing of it is left. Written and read one variable at a time, never
    memory-mapped: a map's pages count as the process's own.
    """

    def __init__(self, directory: Path) -> None:
        """Hold nothing yet.

        Args:
            directory: On whose disk the file lies.
        """
        self._directory = directory
        self._file: Any = None
        self._count = 0

    def __del__(self) -> None:
        """Give the disk its room back."""
        self.clear()

    def __len__(self) -> int:
        """Return how many values there are."""
        return self._count

    def keep(self, values: Iterable[Any]) -> None:
        """Set values aside in place of what was there.

        Args:
            values: Variables or arrays, of any dtype but object.

        Raises:
            ResumeError: The disk has no room for them; what was there is still there.
        """
        count = 0
        try:
            with contextlib.ExitStack() as stack:
                file = stack.enter_context(tempfile.TemporaryFile(dir=self._directory))
                for value in values:
                    np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
                    count += 1
                file.flush()
                stack.pop_all()  # whole: it stays open
        except OSError as err:
            raise ResumeError(
                f"cannot set weights aside in {self._directory}: {err.strerror or err}"
            ) from err
        self.clear()
        self._file, self._count = file, count

    def clear(self) -> None:
        """Hold nothing any more."""
        if self._file is not None:
            self._file.close()
        self._file, self._count = None, 0

    def __iter__(self) -> Iterator[Array]:
        """Yield the values in the order they were given; one iteration at a time.

        Raises:
            ResumeError: The disk does not give them back.
        """
        if self._file is None:
            return
        self._file.seek(0)
        for _ in range(self._count):
            try:
                value = np.lib.format.read_array(self._file, allow_pickle=False)
            except npz.DAMAGE as err:
                raise ResumeError(
                    f"cannot read back the weights that were set aside in {self._directory}: {err}"
                ) from err
            yield value


def assign(variables: Iterable[Any], values: Iterable[Any]) -> None:
    """Give variables the values that were kept of them, in the same order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
