"""TensorBoard's event files, written without TensorBoard.

Keras's own callback needs the ``tensorboard`` package, which TensorFlow no longer brings along. An
event file is a TFRecord of ``Event`` messages; whoever wants to look at one installs TensorBoard
where they look.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.framework.summary_pb2 import Summary
from tensorflow.core.util.event_pb2 import Event


class EventLog(keras.callbacks.Callback):
    """Writes every number of an epoch's logs as a scalar, step by epoch."""

    def __init__(self, directory: Path) -> None:
        """Start a file in ``directory``, which is made if missing."""
        super().__init__()
        directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        path = directory / f"events.out.tfevents.{now:.6f}.training"
        self._writer = tf.io.TFRecordWriter(str(path))
        self._write(Event(wall_time=now, file_version="brain.Event:2"))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's numbers."""
        values = [
            Summary.Value(tag=f"epoch_{name}", simple_value=float(value))
            for name, value in (logs or {}).items()
        ]
        self._write(Event(wall_time=time.time(), step=epoch, summary=Summary(value=values)))

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Close the file."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()  # so that a running training can be watched
