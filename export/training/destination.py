"""Where what a training makes goes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from export.edge.arguments import FLOAT32
from export.lineage.arguments import recording
from export.lineage.recording import Recording
from export.publication import Target


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
        tflite: Form of the version's ``model.tflite``, see :mod:`export.edge.beside`.
    """

    models_dir: Path
    work_dir: Path | None = None
    log_dir: Path | None = None
    recording: Recording = field(default_factory=Recording)
    tflite: str = FLOAT32

    @property
    def target(self) -> Target:
        """Where the version goes, and with what beside it."""
        return Target(self.models_dir, self.tflite)

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Destination:
        """Return what the options say that every training command has."""
        return cls(
            arguments.out,
            arguments.work,
            arguments.tensorboard,
            recording(arguments),
            arguments.tflite,
        )
