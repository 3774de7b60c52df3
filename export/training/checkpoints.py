"""What an interrupted training goes on from: one file a stage, written after every epoch.

A stage (the head, each unfreezing) has its weights, optimiser, random states, the best weights so
far and the history in it. The file is written beside its place and renamed, so a process that is
killed at any moment leaves the epoch before.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ResumeError
from export.training.work import Work

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Checkpoint:
    """What one stage had reached.

    Attributes:
        state: Its history and whatever else is JSON.
        arrays: Its variables, in groups by name, in the order they were given.
    """

    state: dict[str, Any]
    arrays: dict[str, list[Array]]


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
    try:
        with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            arrays = {
                group: [file[f"{group}/{position}"] for position in range(count)]
                for group, count in state.pop("groups").items()
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as err:
        raise ResumeError(
            f"the checkpoint {path} is damaged ({err}); delete {work.directory} to begin anew"
        ) from err
    return Checkpoint(state, arrays)


def save(
    work: Work, stage: str, state: Mapping[str, Any], arrays: Mapping[str, Sequence[Array]]
) -> None:
    """Replace a stage's checkpoint, whole or not at all.

    Args:
        work: The run's working directory.
        stage: Its name, fit for a file's.
        state: Whatever is JSON.
        arrays: Groups of arrays, of any dtype but object.
    """
    groups = {group: len(members) for group, members in arrays.items()}
    flat: dict[str, Any] = {
        f"{group}/{position}": array
        for group, members in arrays.items()
        for position, array in enumerate(members)
    }
    text = json.dumps({**state, "groups": groups})

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, state=np.array(text), **flat)

    work.write(f"{stage}.npz", write)
