"""From what was kept on disk to a published version.

Every training ends here, and ``python -m export publish`` as well, so a version is always made from
what was kept, and whatever fails can be tried again without training.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import ExportError, PublishError
from export.publish import Published
from export.training.finished import Finished
from export.training.work import Work
from signature_contract.checking.outcome import finite
from signature_contract.contract import ContractError

if TYPE_CHECKING:
    from export.lineage.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Where a version goes, and with what beside its graph.

    Attributes:
        models_dir: ``MODELS``.
        tflite: Form of its ``model.tflite``, see :mod:`export.edge.beside`.
    """

    models_dir: Path
    tflite: str


Publish = Callable[[Finished, Path, "Run", str], Published]
"""Exports, verifies and places what was trained below a ``MODELS``, as a run on record, with a file
for LiteRT of some form."""


def publish_finished(
    work: Work,
    finished: Finished,
    publish: Publish,
    target: Target,
    run_on_record: Run,
    started: float,
) -> dict[str, Any]:
    """Publish what was trained in a working directory, then remove the directory.

    Args:
        work: The working directory of a finished training.
        finished: What was trained there, as it was read from the directory.
        publish: Publishes a model of its kind.
        target: Where the version goes, and with what beside it.
        run_on_record: The run that is being recorded.
        started: When the command began, as :func:`time.monotonic` gave it.

    Returns:
        The result that the command line prints.

    Raises:
        PublishError: Nothing was published. The message names the directory, which is unchanged.
    """
    with _kept(work, target.models_dir):
        published = publish(finished, target.models_dir, run_on_record, target.tflite)
    run_on_record.published(published.version, published.path)
    work.remove()
    return {
        "model": finished.model,
        "version": published.version,
        "path": str(published.path),
        **finished.result,
        "max_distance": finite(published.verification.distances),
        "lineage": run_on_record.to_json(),
        "seconds": {**finished.result["seconds"], "all": round(time.monotonic() - started, 1)},
    }


def publish_command(work: Path, models_dir: Path) -> str:
    """Return the command that publishes what was trained, for a shell in any folder."""
    where = f"{shlex.quote(str(work.resolve()))} --out {shlex.quote(str(models_dir.resolve()))}"
    return f"python -m export publish {where}"


@contextlib.contextmanager
def _kept(work: Work, models_dir: Path) -> Iterator[None]:
    """Say of whatever fails inside where the training is, and how to go on from there."""
    advice = (
        f"What was trained is kept in {work.directory.resolve()}; when the cause is mended, "
        f"publish it without training: {publish_command(work.directory, models_dir)}"
    )
    try:
        yield
    except KeyboardInterrupt:
        log.warning("%s", advice)
        raise
    except Exception as err:
        if not isinstance(err, ExportError | ContractError | OSError):
            log.exception("publication failed")
        raise PublishError(f"nothing was published: {err}\n{advice}") from err
