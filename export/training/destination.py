"""Where what a training makes goes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from export.lineage.arguments import recording
from export.lineage.recording import Recording


@dataclass(frozen=True)
class Destination:
    """Places of one training command.

    Attributes:
        models_dir: ``MODELS``; the version goes to ``MODELS/<model>/<version>``.
        work_dir: Where an interrupted run, and what was trained, is kept until it is published;
            None takes a place below ``MODELS/<model>`` that belongs to these settings and this
            data.
        log_dir: Where TensorBoard's files go; None writes none.
        recording: Where the run is put on record.
    """

    models_dir: Path
    work_dir: Path | None = None
    log_dir: Path | None = None
    recording: Recording = field(default_factory=Recording)

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Destination:
        """Return what ``--out``, ``--work``, ``--tensorboard`` and lineage's options ask for."""
        return cls(arguments.out, arguments.work, arguments.tensorboard, recording(arguments))
