"""What is made once a test run, whichever worker needs it first, and read by tests ever after.

A published model takes up to a minute to make. With workers side by side each would make its own;
here the first one makes it, holding a lock for which the others wait. What is made cannot be
changed by a test: its files are read-only, and as that does not stop root, each test that leaves
them other than they were fails.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[[Path], Any]
Once = Callable[[str, Make], Any]


class Made:
    """The things made in a run, as one worker sees them.

    Args:
        home: A folder that all workers of the run share.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: dict[str, Any] = {}
        self._states: dict[Path, dict[str, tuple[int, ...]]] = {}

    def __call__(self, name: str, make: Make) -> Any:
        """Return what ``make(folder)`` returned when it was first called in this run.

        Args:
            name: Of the thing, and of its folder.
            make: Writes into a new folder and returns something that JSON can hold.

        Raises:
            pytest.fail.Exception: It could not be made, here or in another worker.
        """
        if name not in self._seen:
            self._seen[name] = self._take(name, make)
            self._states[self._home / name] = state_of(self._home / name)
        return self._seen[name]

    def _take(self, name: str, make: Make) -> Any:
        folder = self._home / name
        self._home.mkdir(parents=True, exist_ok=True)
        record = self._home / f"{name}.json"
        with (self._home / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not record.exists():
                folder.mkdir()
                try:
                    outcome = {"value": make(folder)}
                except (Exception, pytest.fail.Exception) as err:
                    outcome = {"error": f"{type(err).__name__}: {err}"}
                _make_read_only(folder)
                record.write_text(json.dumps(outcome), encoding="utf-8")
            outcome = json.loads(record.read_text(encoding="utf-8"))
        if "error" in outcome:
            pytest.fail(f"{name} could not be made: {outcome['error']}")
        return outcome["value"]

    def changed(self) -> list[str]:
        """Return what is no longer as it was made, and take that for its state from now on."""
        found = []
        for folder, before in self._states.items():
            now = state_of(folder)
            if now != before:
                paths = {path for path, _ in before.items() ^ now.items()}
                found += [str(Path(path).relative_to(self._home)) for path in sorted(paths)]
                self._states[folder] = now
        return found


def state_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return size, time of change and inode of every file in a folder, by path."""
    state = {}
    for directory, _, files in os.walk(folder):
        for name in files:
            path = f"{directory}/{name}"
            status = os.stat(path)  # noqa: PTH116  # after every test; Path takes twice the time
            state[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return state


def _make_read_only(folder: Path) -> None:
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    for directory, _, files in os.walk(folder):
        for path in (Path(directory), *(Path(directory, name) for name in files)):
            path.chmod(path.stat().st_mode & ~writable)
