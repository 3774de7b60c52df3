"""What was trained stays on disk until a version is published, whatever fails after the training.

It is a folder of its own (:mod:`export.training.finished`) in the working directory, for which room
was set aside before the training began; among the temporary files where even that fails.
"""

from __future__ import annotations

import logging
import shlex
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from export.disk import flush
from export.errors import ResumeError
from export.staging import place
from export.training.finished import FOLDER
from export.training.work import IDENTITY_FILE, Work

log = logging.getLogger(__name__)


def keep(work: Work, write: Callable[[Path], None]) -> None:
    """Keep what was trained, whole or not at all.

    Args:
        work: The run's working directory.
        write: Writes it into the directory it is given.

    Raises:
        ResumeError: It cannot be written here. The message names the temporary directory where
            it is kept instead, unless it cannot be written there either.
    """
    if not work.writes:
        return
    beside = work.directory / f".new-{FOLDER}"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        work.release()
        beside.mkdir()
        write(beside)
        place(beside, work.directory / FOLDER)
        work.note()
    except Exception as err:  # HDF5 has its own words for a full disk
        shutil.rmtree(beside, ignore_errors=True)
        raise ResumeError(
            f"cannot keep what was trained in {work.directory}: {err}; "
            + _keep_elsewhere(work, write)
        ) from err
    log.info("what was trained is kept in %s until it is published", work.directory)


def _keep_elsewhere(work: Work, write: Callable[[Path], None]) -> str:
    """Make a working directory among the temporary ones; say what came of it."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="vision-forge-work-"))
        # From memory: the directory that has just failed may not be readable either.
        (folder / IDENTITY_FILE).write_text(work.identity, encoding="utf-8")
        (folder / FOLDER).mkdir()
        write(folder / FOLDER)
        flush(folder)
    except Exception as err:  # as above
        left = f"; {folder} has what could be written" if folder else ""
        return f"nor in {tempfile.gettempdir()}: {err}{left}"
    command = f"python -m export publish {shlex.quote(str(folder))} --out MODELS"
    return f"it is kept in {folder}, go on from there: {command}"
