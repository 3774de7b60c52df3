"""``python -m export publish WORK``: publish what an earlier command has trained.

Both trainings end here too, so a version is always made from what was kept on disk, and whatever
fails can be tried again without training.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import ExportError, PublishError
from export.lineage.arguments import recording as recording_from
from export.publish import Published, check_place
from export.training import finished as finished_training
from export.training.finished import Finished
from export.training.work import Work
from serving_config.comparison import finite
from serving_config.contract import ContractError

if TYPE_CHECKING:
    from export.lineage.run import Run

log = logging.getLogger(__name__)

Publish = Callable[[Finished, Path, "Run"], Published]


def publish_finished(
    work: Work, finished: Finished, models_dir: Path, run_on_record: Run, started: float
) -> dict[str, Any]:
    """Publish what was trained in a working directory, then remove the directory.

    Args:
        work: The working directory of a finished training.
        finished: What was trained there, as it was read from the directory.
        models_dir: ``MODELS``.
        run_on_record: The run that is being recorded.
        started: When the command began, as :func:`time.monotonic` gave it.

    Returns:
        The result that the command line prints.

    Raises:
        PublishError: Nothing was published. The message names the directory, which is unchanged.
    """
    with _kept(work, models_dir):
        published = _publisher(finished.model)(finished, models_dir, run_on_record)
    run_on_record.published(published.version, published.path)
    work.remove()
    return {
        "model": finished.model,
        "version": published.version,
        "path": str(published.path),
        **finished.result,
        "max_distance": finite(published.verification.max_distance),
        "lineage": run_on_record.to_json(),
        "seconds": {**finished.result["seconds"], "all": round(time.monotonic() - started, 1)},
    }


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.__main__`."""
    started = time.monotonic()
    with contextlib.closing(Work.reopen(arguments.work.resolve())) as work:
        finished = finished_training.load(work.directory)
        models_dir = arguments.out or _models_of(work.directory, finished.model)
        check_place(models_dir)
        recording = recording_from(arguments)
        with recording.run(finished.model, finished.settings, models_dir) as run_on_record:
            return publish_finished(work, finished, models_dir, run_on_record, started)


def _models_of(work: Path, model: str) -> Path:
    if work.parent.name != model or not work.name.startswith(".work-"):
        raise PublishError(f"say where to publish with --out MODELS; {work} is not below one")
    return work.parent.parent


def _publisher(model: str) -> Publish:
    if model == "classifier":
        from export.classifier.publishing import publish_classifier

        return publish_classifier
    from export.detector.publishing import publish_detector

    return publish_detector


@contextlib.contextmanager
def _kept(work: Work, models_dir: Path) -> Iterator[None]:
    """Say of whatever fails inside where the training is, and how to go on from there."""
    place = work.directory.resolve()
    where = f"{shlex.quote(str(place))} --out {shlex.quote(str(models_dir.resolve()))}"
    advice = (
        f"What was trained is kept in {place}; when the cause is mended, go on from there, without "
        f"training: python -m export publish {where}"
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
