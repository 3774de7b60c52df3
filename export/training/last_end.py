"""How the last process of a run ended, where nothing could be caught: told from what it left.

TensorFlow raises where its own allocator fails, and :mod:`export.training.memory` halves the batch.
Elsewhere the process ends: a thread cannot be made, LLVM finds no memory (both call ``abort``), or
the kernel picks it to be killed. So each process notes in the run's working directory that it lives
and how large its steps are, and takes the note back however Python ends. A note that is found tells
that nothing could be done any more; whether it was memory is told by two witnesses: the traceback
that Python's fault handler writes on an abort, and the kernel's count of processes that it killed
for want of memory.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)

NOTE_FILE = "process.json"
"""What a process notes of itself in the working directory."""

FATAL_FILE = "fatal.txt"
"""Where Python's fault handler writes."""

_COUNTERS = Path("/proc/vmstat")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Kills:
    """The kernel's count of processes that it killed for want of memory.

    Attributes:
        boot: Which start of the machine it counts from; empty where there is no such count.
        count: Of processes, of all on the machine.
    """

    boot: str = ""
    count: int = 0

    @classmethod
    def now(cls, counters: Path = _COUNTERS, boot: Path = _BOOT) -> Kills:
        """Read it; Linux (4.13 and newer) has it, others have not.

        Args:
            counters: As ``/proc/vmstat``.
            boot: As ``/proc/sys/kernel/random/boot_id``.
        """
        try:
            lines = dict(line.split() for line in counters.read_text().splitlines())
            return cls(boot.read_text().strip(), int(lines["oom_kill"]))
        except (OSError, ValueError, KeyError):
            return cls()

    def grew_from(self, before: Kills) -> bool:
        """Tell whether the kernel has killed since, on the same start of the machine."""
        return bool(self.boot) and self.boot == before.boot and self.count > before.count


@dataclass(frozen=True)
class LastEnd:
    """What the last process left.

    Attributes:
        limit: Most examples a step of this process; None: no need of one.
        reason: Why there is a limit, for the record of the run; empty: there is none.
    """

    limit: int | None = None
    reason: str = ""


class ProcessNote:
    """A process's note of itself in a working directory."""

    def __init__(self, directory: Path, batch_size: int) -> None:
        """Set up; nothing is written.

        Args:
            directory: The run's working directory, taken.
            batch_size: Examples a step, as the settings say.
        """
        self._directory, self._batch_size = directory, batch_size
        self._fatal: TextIO | None = None

    def last(self, now: Kills | None = None) -> LastEnd:
        """Say what the last process left.

        Args:
            now: The kernel's count; None reads it.
        """
        try:
            note = json.loads((self._directory / NOTE_FILE).read_text(encoding="utf-8"))
            limit, lives = note["limit"], bool(note["lives"])
            before = Kills(str(note["boot"]), int(note["kills"]))
            size = int(self._batch_size if limit is None else limit)
        except (OSError, ValueError, KeyError, TypeError):
            return LastEnd()
        witness = self._witness(before, now or Kills.now()) if lives else ""
        if not witness:
            kept = "" if limit is None else f"steps of {size} examples, as the last process had"
            return LastEnd(limit, kept)
        half = max(1, (size + 1) // 2)
        return LastEnd(
            half,
            f"out of memory: the last process ended with steps of {size} examples ({witness}); "
            f"goes on with {half}" + (", the fewest there are" if size == 1 else ""),
        )

    def begin(self, limit: int | None) -> None:
        """Note that this process lives, and have an abort leave a trace.

        Args:
            limit: Most examples a step; None: as the settings say.
        """
        with contextlib.suppress(OSError):
            self._fatal = (self._directory / FATAL_FILE).open("w", encoding="utf-8")
            faulthandler.enable(self._fatal)
        self.write(limit, lives=True)

    def write(self, limit: int | None, *, lives: bool = True) -> None:
        """Write the note anew, as when the limit has become smaller."""
        kills = Kills.now()
        text = json.dumps(
            {"lives": lives, "limit": limit, "boot": kills.boot, "kills": kills.count}
        )
        beside = self._directory / f".new-{NOTE_FILE}"
        # Without the note the next process begins as this one did.
        with contextlib.suppress(OSError):
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(self._directory / NOTE_FILE)

    def end(self, limit: int | None) -> None:
        """Take back that this process lives; a limit that was found stays."""
        if self._fatal is None:
            return
        faulthandler.disable()
        self._fatal.close()
        self._fatal = None
        if self._directory.is_dir():
            self.write(limit, lives=False)

    def _witness(self, before: Kills, now: Kills) -> str:
        """Say what shows that it was memory; "" where nothing does."""
        try:
            fatal = (self._directory / FATAL_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            fatal = ""
        if "Aborted" in fatal:
            return "aborted, as TensorFlow and LLVM do without memory or threads"
        if now.grew_from(before):
            return "the kernel has killed for want of memory since"
        return ""
