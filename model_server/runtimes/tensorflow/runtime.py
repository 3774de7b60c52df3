"""SavedModels in TensorFlow sessions: what the process needs for them, and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from model_server.observation.metrics import Metrics
from model_server.runtimes.settings import RuntimeSettings
from model_server.runtimes.tensorflow import xla
from model_server.runtimes.tensorflow.batch_scheduler import BatchScheduler
from model_server.runtimes.tensorflow.saved_model import SavedModel
from model_server.runtimes.tensorflow.session import SessionThreads, check_tensorflow


class TensorFlowRuntime:
    """Loads SavedModels as TensorFlow Serving does."""

    def __init__(self, settings: RuntimeSettings, metrics: Metrics | None) -> None:
        """Prepare the process.

        Args:
            settings: How versions run.
            metrics: Where batches are measured; None measures nothing.

        Raises:
            StartError: This TensorFlow lacks something.
        """
        check_tensorflow()
        tf.get_logger().setLevel("ERROR")
        if not settings.compiles:
            xla.disable()
        self._tags = settings.tags
        self._threads = SessionThreads(settings.intra_op_threads, settings.inter_op_threads)
        self._batches = BatchScheduler(settings.batching) if settings.batching else None
        self._metrics = metrics

    def load(self, path: Path) -> SavedModel:
        """Load a version; see :meth:`model_server.runtimes.runtime.Runtime.load`."""
        return SavedModel(path, self._tags, self._threads, self._batches, self._metrics)
