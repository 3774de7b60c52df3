"""What an interrupted training goes on from: one file a stage, written after every epoch.

A stage (the head, each unfreezing) has its weights, optimiser, random states, the best weights so
far and the history in it. The file is written beside its place and renamed, so a process that is
killed at any moment leaves the epoch before.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ResumeError
from export.training import npz
from export.training.work import Work

Array = np.ndarray[Any, Any]

_STATE, _GROUPS = "state", "groups"


@dataclass(frozen=True)
class Checkpoint:
    """What one stage had reached.

    Attributes:
        path: The file.
        state: Its history and whatever else is JSON.
        groups: How many variables it has by group.
    """

    path: Path
    state: dict[str, Any]
    groups: dict[str, int]

    def arrays(self, group: str) -> Iterator[Array]:
        """Read a group of variables, one at a time, in the order they were given.

        Raises:
            ResumeError: The file is damaged.
        """
        with _reading(self.path) as file:
            for position in range(self.groups[group]):
                yield file[f"{group}/{position}"]


def load(work: Work, stage: str) -> Checkpoint | None:
    """Return a stage's checkpoint, or None when it has none yet.

    Args:
        work: The run's working directory.
        stage: The stage's name.

    Raises:
        ResumeError: The file is damaged.
    """
    path = work.directory / f"{stage}.npz"
    if not path.is_file():
        return None
    with _reading(path) as file:
        state = json.loads(str(file[_STATE]))
        groups = state.pop(_GROUPS)
        if lost := {f"{g}/{i}" for g, n in groups.items() for i in range(n)} - set(file):
            raise ValueError(f"{min(lost)} is missing")
    return Checkpoint(path, state, groups)


def save(
    work: Work, stage: str, state: Mapping[str, Any], arrays: Mapping[str, Iterable[Any]]
) -> None:
    """Replace a stage's checkpoint, whole or not at all.

    Args:
        work: The run's working directory.
        stage: Its name, fit for a file's.
        state: Whatever is JSON.
        arrays: Groups of variables or arrays, of any dtype but object. Each is read when its turn
            comes, so that they are never in memory all at once.
    """
    groups: dict[str, int] = {}

    def entries() -> Iterator[tuple[str, Any]]:
        for group, members in arrays.items():
            groups[group] = 0
            for member in members:
                yield f"{group}/{groups[group]}", member
                groups[group] += 1
        yield _STATE, np.array(json.dumps({**state, _GROUPS: groups}))

    work.write(f"{stage}.npz", lambda path: npz.write(path, entries()))


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
            yield file
    except npz.DAMAGE as err:
        raise ResumeError(
            f"the checkpoint {path} is damaged ({err}); delete {path.parent} to begin anew"
        ) from err
