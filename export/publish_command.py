"""``python -m export publish WORK``: publish what an earlier command has trained."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

from export import publication
from export.errors import PublishError
from export.kinds import kind_of
from export.lineage.arguments import recording as recording_from
from export.publish import check_place
from export.training import finished as finished_training
from export.training.work import Work


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.__main__`."""
    started = time.monotonic()
    with contextlib.closing(Work.reopen(arguments.work.resolve())) as work:
        finished = finished_training.load(work.directory)
        kind = kind_of(finished.model)
        models_dir = arguments.out or _models_of(work.directory, finished.model)
        check_place(models_dir)
        target = publication.Target(models_dir, arguments.tflite)
        recording = recording_from(arguments)
        with recording.run(finished.model, finished.settings, models_dir) as run_on_record:
            run_on_record.take_over(work)
            return publication.publish_finished(
                work, finished, kind.publish, target, run_on_record, started
            )


def _models_of(work: Path, model: str) -> Path:
    if work.parent.name != model or not work.name.startswith(".work-"):
        raise PublishError(f"say where to publish with --out MODELS; {work} is not below one")
    return work.parent.parent
