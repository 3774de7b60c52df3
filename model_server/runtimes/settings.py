"""What the command line says about how versions run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_server.runtimes.batching_parameters import BatchingSettings

AUTO, TENSORFLOW, LITERT = "auto", "tensorflow", "litert"
RUNTIMES = (AUTO, TENSORFLOW, LITERT)
"""Values of ``--runtime``."""


@dataclass(frozen=True)
class RuntimeSettings:
    """How versions run.

    Attributes:
        runtime: One of :data:`RUNTIMES`.
        prefers_tflite: With ``auto``: a version that has a ``model.tflite`` runs that.
        tags: Tags of a SavedModel's graph.
        intra_op_threads: Threads inside one operation of a session; 0 is TensorFlow's choice.
        inter_op_threads: Operations of a session at the same time; 0 is TensorFlow's choice.
        batching: How a session's requests are joined; None runs each alone.
        compiles: Graphs that ask for XLA are compiled.
        interpreters: Interpreters of a TFLite file, each with one thread.
    """

    runtime: str
    prefers_tflite: bool
    tags: Sequence[str]
    intra_op_threads: int
    inter_op_threads: int
    batching: BatchingSettings | None
    compiles: bool
    interpreters: int
