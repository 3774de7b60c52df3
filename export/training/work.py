"""A run's working directory: what an interrupted run goes on from, or is published from.

It belongs to one run, by its identity (:mod:`export.training.identity`), and to one process at a
time. Checkpoints (:mod:`export.training.checkpoints`) lie in it while the run trains, what was
trained (:mod:`export.training.keeping`) until it is published.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from export.errors import ResumeError
from export.training.finished import FOLDER
from export.training.identity import differences, digest
from export.training.last_end import FATAL_FILE, NOTE_FILE

IDENTITY_FILE = "identity.json"
_LOCK = "lock"
_RESERVED = "reserved"
_RUN_FILE = "run.json"
_OWN = frozenset({IDENTITY_FILE, _LOCK, _RESERVED, _RUN_FILE, NOTE_FILE, FATAL_FILE})


@dataclass(frozen=True)
class Predecessor:
    """The run that worked in a directory before.

    Attributes:
        model_id: Its id in the lineage store.
        seconds: What it took, with the runs that it went on from, up to what it left.
    """

    model_id: str
    seconds: float


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
        writes: False where a chief writes, and this process only reads along.
        identity: What makes the run the run it is, as JSON text; empty where it does not write.
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
        self.directory, self.writes, self.identity = directory, writes, ""
        self._lock: TextIO | None = None
        self._run: tuple[str, Callable[[], float]] | None = None
        self._at_close: list[Callable[[], None]] = []
        if not writes:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            others = {path.name for path in directory.iterdir()} - {IDENTITY_FILE, _LOCK}
            if others and not (directory / IDENTITY_FILE).is_file():
                raise ResumeError(
                    f"{directory} is no working directory of a training: it holds "
                    f"{', '.join(sorted(others)[:3])}; name an empty or a new one with --work"
                )
            self._lock = _lock(directory)
        except OSError as err:
            raise ResumeError(f"cannot work in {directory}: {err.strerror}") from err
        self.identity = json.dumps(identity, indent=2) + "\n"
        given = json.loads(self.identity)  # as it comes back: lists for tuples
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
            identity = json.loads((directory / IDENTITY_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise ResumeError(
                f"{directory} is no working directory of a training ({IDENTITY_FILE}: "
                f"{getattr(err, 'strerror', None) or err}); the message of the publication "
                "that failed names the right one"
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

    @property
    def finished(self) -> Path | None:
        """The folder of the finished training; None while there is none."""
        folder = self.directory / FOLDER
        return folder if folder.is_dir() else None

    def take_over(self, model_id: str, elapsed: Callable[[], float]) -> Predecessor | None:
        """Note the run that works here from now on.

        Args:
            model_id: Its id in the lineage store.
            elapsed: Seconds it has taken, with those of the runs that it goes on from.

        Returns:
            The run before, if it left something to go on from.
        """
        if not self.writes:
            return None
        found = self._predecessor()
        self._run = (model_id, elapsed)
        if found is None:  # else the time of the one before stays on record until there is more
            self.note()
        return found

    def note(self) -> None:
        """Write down which run works here and how long it has taken so far."""
        if self._run is None:
            return
        model_id, elapsed = self._run
        text = json.dumps({"model_id": model_id, "seconds": elapsed()})
        beside = self.directory / f".new-{_RUN_FILE}"
        # What is lost with it is a figure, not the training.
        with contextlib.suppress(OSError):
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(self.directory / _RUN_FILE)

    def _predecessor(self) -> Predecessor | None:
        if {path.name for path in self.directory.iterdir()} <= _OWN:
            return None
        try:
            noted = json.loads((self.directory / _RUN_FILE).read_text(encoding="utf-8"))
            return Predecessor(str(noted["model_id"]), float(noted["seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def reserve(self, size: int) -> None:
        """Set room on the disk aside for what will be trained.

        Args:
            size: Bytes.

        Raises:
            ResumeError: The disk has not as much.
        """
        if not self.writes:
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

    def release(self) -> None:
        """Give the room back that was set aside."""
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
        if not self.writes:
            return path
        beside = self.directory / f".new-{name}"
        try:
            write(beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as err:
            raise ResumeError(f"cannot write the checkpoint {path}: {err.strerror}") from err
        self.note()
        return path

    def at_close(self, call: Callable[[], None]) -> None:
        """Have something called when the directory is let go, in whatever way."""
        self._at_close.append(call)

    def close(self) -> None:
        """Let other processes use the directory; what is in it stays."""
        while self._at_close:
            self._at_close.pop()()
        if self._lock and not self._lock.closed:
            self.release()
            self._lock.close()

    def abandon(self) -> None:
        """Let the directory go; delete it unless it holds something to go on from."""
        if self.writes:
            left = {path.name for path in self.directory.iterdir()}
            if left <= _OWN:
                self.remove()
        self.close()

    def remove(self) -> None:
        """Delete the directory: the run is complete."""
        if self.writes:
            # First what would be published once more, if this process were killed in between.
            with contextlib.suppress(OSError):
                (self.directory / FOLDER).rename(self.directory / ".gone")
            shutil.rmtree(self.directory, ignore_errors=True)
        self.close()

    def _claim(self, identity: dict[str, Any]) -> None:
        path = self.directory / IDENTITY_FILE
        if not path.is_file():
            self.write(IDENTITY_FILE, lambda place: _write_text(place, self.identity))
            return
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise ResumeError(
                f"{path} is damaged ({err}); delete {self.directory} to begin anew"
            ) from err
        if different := differences(there, identity):
            lines = "\n".join(f"  - {line}" for line in different)
            what, advice = (
                ("the unfinished training", "or delete it")
                if self.finished is None
                else (
                    "the unpublished training",
                    "or publish it (python -m export publish)",
                )
            )
            raise ResumeError(
                f"{self.directory} holds {what} of another run; they differ in:\n{lines}\n"
                f"Give the settings and the data it was started with, name another --work, {advice}"
            )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


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
