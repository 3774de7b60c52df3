"""A run's working directory: what an interrupted run goes on from, or is published from.

Each stage of a training (the head, each unfreezing) has one checkpoint file, written after every
epoch: weights, optimiser, random states, the best weights so far and the history. It is written
beside its place and renamed, so a process that is killed at any moment leaves the epoch before.

A checkpoint belongs to one run. What makes a run that run (settings, weights it started from, data
by fingerprint, library versions) is its identity; another identity is refused, because figures
from two different runs in one history would describe neither.

What was trained stays here as a folder of its own (:mod:`export.training.finished`) until a version
is published; room for it on the disk is set aside before the training begins.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shlex
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from export.disk import flush
from export.errors import ResumeError
from export.staging import place
from export.training.finished import FOLDER

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_IDENTITY = "identity.json"
_LOCK = "lock"
_RESERVED = "reserved"


@dataclass(frozen=True)
class Checkpoint:
    """What one stage had reached.

    Attributes:
        state: Its history and whatever else is JSON.
        arrays: Its variables, in groups by name, in the order they were given.
    """

    state: dict[str, Any]
    arrays: dict[str, list[Array]]


class AlreadyTrained(Exception):  # noqa: N818  # no error: what is left to do is publication
    """This run has finished its training in an earlier process; publication is what is left.

    Attributes:
        work: Its working directory, taken.
    """

    def __init__(self, work: Work) -> None:
        """Hand the directory on."""
        super().__init__(f"the training in {work.directory} has finished")
        self.work = work


class Work:
    """A working directory that this process alone uses.

    Attributes:
        directory: Where it is.
    """

    def __init__(
        self, directory: Path, identity: Mapping[str, Any], *, writes: bool = True
    ) -> None:
        """Take a directory; go on with the run that is there, or begin one.

        Args:
            directory: Made if missing.
            identity: What makes this run the run it is, as JSON.
            writes: False for a worker that trains along with a chief: it reads what the chief has
                written, and writes, locks and removes nothing.

        Raises:
            ResumeError: It holds another run, another process uses it, it holds something else, or
                it cannot be written.
        """
        self.directory, self._writes = directory, writes
        self._lock: TextIO | None = None
        if not writes:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            others = {path.name for path in directory.iterdir()} - {_IDENTITY, _LOCK}
            if others and not (directory / _IDENTITY).is_file():
                raise ResumeError(
                    f"{directory} is no working directory of a training: it holds "
                    f"{', '.join(sorted(others)[:3])}; name an empty or a new one with --work"
                )
            self._lock = _lock(directory)
        except OSError as err:
            raise ResumeError(f"cannot work in {directory}: {err.strerror}") from err
        self._identity = json.dumps(identity, indent=2) + "\n"
        given = json.loads(self._identity)  # as it comes back: lists for tuples
        try:
            self._claim(given)
        except ResumeError:
            self.close()
            raise

    @classmethod
    def reopen(cls, directory: Path) -> Work:
        """Take the directory of a run that has finished its training.

        Raises:
            ResumeError: There is no such directory, its training has not finished, or another
                process uses it.
        """
        try:
            identity = json.loads((directory / _IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise ResumeError(
                f"{directory} is no working directory of a training ({_IDENTITY}: "
                f"{getattr(err, 'strerror', None) or err}); the message that said what was not "
                "published names it"
            ) from err
        work = cls(directory, identity)
        if work.finished is None:
            work.close()
            raise ResumeError(
                f"the training in {directory} has not finished; the same command that began it "
                "goes on with it"
            )
        return work

    @classmethod
    def take(
        cls, named: Path | None, home: Path, identity: Mapping[str, Any], *, writes: bool = True
    ) -> Work:
        """Take the directory that the user named, or else this identity's own below ``home``."""
        if named:
            return cls(named, identity, writes=writes)
        return cls.below(home, identity, writes=writes)

    @classmethod
    def below(cls, home: Path, identity: Mapping[str, Any], *, writes: bool = True) -> Work:
        """Take the directory below ``home`` that belongs to this identity alone.

        The same command started again finds its own unfinished run; another never meets it. The
        name is none that a server takes for a version.
        """
        return cls(home / f".work-{digest(identity)[:12]}", identity, writes=writes)

    def load(self, stage: str) -> Checkpoint | None:
        """Return a stage's checkpoint, or None when it has none yet.

        Raises:
            ResumeError: The file is damaged.
        """
        path = self.directory / f"{stage}.npz"
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
                f"the checkpoint {path} is damaged ({err}); delete {self.directory} to begin anew"
            ) from err
        return Checkpoint(state, arrays)

    def save(
        self, stage: str, state: Mapping[str, Any], arrays: Mapping[str, Sequence[Array]]
    ) -> None:
        """Replace a stage's checkpoint, whole or not at all.

        Args:
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

        self.write(f"{stage}.npz", write)

    @property
    def finished(self) -> Path | None:
        """The folder of the finished training; None while there is none."""
        folder = self.directory / FOLDER
        return folder if folder.is_dir() else None

    def reserve(self, size: int) -> None:
        """Set room on the disk aside for what will be trained.

        Args:
            size: Bytes.

        Raises:
            ResumeError: The disk has not as much.
        """
        if not self._writes:
            return
        try:
            with (self.directory / _RESERVED).open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as err:
            self.abandon()
            raise ResumeError(
                f"cannot set aside {size / 1e6:.0f} MB in {self.directory} for what will be "
                f"trained: {err.strerror}; make room there, or name another place with --work"
            ) from err

    def keep(self, write: Callable[[Path], None]) -> None:
        """Keep what was trained, whole or not at all.

        Args:
            write: Writes it into the directory it is given.

        Raises:
            ResumeError: It cannot be written here. The message names the temporary directory where
                it is kept instead, unless it cannot be written there either.
        """
        if not self._writes:
            return
        beside = self.directory / f".new-{FOLDER}"
        try:
            shutil.rmtree(beside, ignore_errors=True)
            self._release()
            beside.mkdir()
            write(beside)
            place(beside, self.directory / FOLDER)
        except Exception as err:  # HDF5 has its own words for a full disk
            shutil.rmtree(beside, ignore_errors=True)
            raise ResumeError(
                f"cannot keep what was trained in {self.directory}: {err}; "
                + self._keep_elsewhere(write)
            ) from err
        log.info("what was trained is kept in %s until it is published", self.directory)

    def _keep_elsewhere(self, write: Callable[[Path], None]) -> str:
        """Make a working directory among the temporary ones; say what came of it."""
        place = None
        try:
            place = Path(tempfile.mkdtemp(prefix="vision-forge-work-"))
            # From memory: the directory that has just failed may not be readable either.
            (place / _IDENTITY).write_text(self._identity, encoding="utf-8")
            (place / FOLDER).mkdir()
            write(place / FOLDER)
            flush(place)
        except Exception as err:  # as above
            left = f"; {place} has what could be written" if place else ""
            return f"nor in {tempfile.gettempdir()}: {err}{left}"
        command = f"python -m export publish {shlex.quote(str(place))} --out MODELS"
        return f"it is kept in {place}, go on from there: {command}"

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            (self.directory / _RESERVED).unlink(missing_ok=True)

    def write(self, name: str, write: Callable[[Path], None]) -> Path:
        """Put a file into the directory, whole or not at all.

        Args:
            name: Its name.
            write: Writes the file it is given the path of; the suffix is that of ``name``.

        Returns:
            The file in its place, or of a worker that does not write, where the chief puts it.

        Raises:
            ResumeError: It cannot be written.
        """
        path = self.directory / name
        if not self._writes:
            return path
        beside = self.directory / f".new-{name}"
        try:
            write(beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as err:
            raise ResumeError(f"cannot write the checkpoint {path}: {err.strerror}") from err
        return path

    def close(self) -> None:
        """Let other processes use the directory; what is in it stays."""
        if self._lock and not self._lock.closed:
            self._release()
            self._lock.close()

    def abandon(self) -> None:
        """Let the directory go; delete it unless it holds something to go on from."""
        if self._writes:
            left = {path.name for path in self.directory.iterdir()}
            if left <= {_IDENTITY, _LOCK, _RESERVED}:
                self.remove()
        self.close()

    def remove(self) -> None:
        """Delete the directory: the run is complete."""
        if self._writes:
            # First what would be published once more, if this process were killed in between.
            with contextlib.suppress(OSError):
                (self.directory / FOLDER).rename(self.directory / ".gone")
            shutil.rmtree(self.directory, ignore_errors=True)
        self.close()

    def _claim(self, identity: dict[str, Any]) -> None:
        path = self.directory / _IDENTITY
        if not path.is_file():
            self.write(_IDENTITY, lambda place: _write_text(place, self._identity))
            return
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise ResumeError(
                f"{path} is damaged ({err}); delete {self.directory} to begin anew"
            ) from err
        if different := _differences(there, identity):
            lines = "\n".join(f"  - {line}" for line in different)
            what, advice = (
                ("an unfinished run", "or delete it")
                if self.finished is None
                else (
                    "what was trained and not published",
                    "or publish it (python -m export publish)",
                )
            )
            raise ResumeError(
                f"{self.directory} holds {what} that is not this one:\n{lines}\n"
                f"Give the settings and the data it was started with, name another --work, {advice}"
            )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def digest(identity: Mapping[str, Any]) -> str:
    """Return one number for an identity: SHA-256 of its JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _lock(directory: Path) -> TextIO:
    file = (directory / _LOCK).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        file.close()
        raise ResumeError(
            f"another process is training or publishing this run in {directory}; wait until it "
            "has ended, or train in another directory with --work"
        ) from err
    return file


def _differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Name every value in which two JSON documents differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [*there, *(key for key in here if key not in there)]
        return [
            line
            for key in keys
            for line in _differences(
                there.get(key), here.get(key), f"{name}.{key}" if name else key
            )
        ]
    return [] if there == here else [f"{name}: {_show(there)} there, {_show(here)} here"]


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
