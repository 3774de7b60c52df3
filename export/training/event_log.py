"""TensorBoard's event files, written without TensorBoard.

Keras's own callback needs the ``tensorboard`` package, which TensorFlow no longer brings along. An
event file is a TFRecord of ``Event`` messages; whoever wants to look at one installs TensorBoard
where they look.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.framework.summary_pb2 import HistogramProto, Summary
from tensorflow.core.util.event_pb2 import Event

from export.training import batch_norm

Array = np.ndarray[Any, Any]

_BUCKETS = 30  # as many as TensorBoard shows
_FILES = itertools.count()  # two files begun in the same microsecond stay apart


class EventLog(keras.callbacks.Callback):
    """Writes an epoch's logs as scalars and the base's BatchNorm statistics as histograms.

    Scalars are named ``epoch_<name>``, histograms ``batch_norm/<layer>/moving_mean`` and
    ``…/moving_variance``. Step k holds the end of epoch k, counted from 0; the histograms of what
    ``fit`` started from are at the step before. Each ``fit`` writes a file of its own, and
    TensorBoard joins those of a folder.
    """

    def __init__(self, directory: Path, base: Any = None) -> None:
        """Set up; nothing is written before training begins.

        Args:
            directory: Where the files go; made if missing.
            base: The model whose statistics are shown; None shows none.
        """
        super().__init__()
        self._directory, self._base = directory, base
        self._writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Begin a file."""
        self._directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        path = self._directory / f"events.out.tfevents.{now:.6f}.{next(_FILES)}.training"
        self._writer = tf.io.TFRecordWriter(str(path))
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self._first = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Write what the first epoch starts from."""
        if self._first:
            self._first = False
            self._write_values(epoch - 1, self._histograms())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's numbers and statistics."""
        scalars = [
            Summary.Value(tag=f"epoch_{name}", simple_value=float(value))
            for name, value in (logs or {}).items()
        ]
        self._write_values(epoch, scalars + self._histograms())

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Close the file."""
        self._writer.close()

    def _histograms(self) -> list[Summary.Value]:
        if self._base is None:
            return []
        return [
            Summary.Value(tag=f"batch_norm/{layer}/{name}", histo=histogram(values))
            for layer, statistics in batch_norm.statistics_of(self._base).items()
            for name, values in (
                ("moving_mean", statistics.mean),
                ("moving_variance", statistics.variance),
            )
        ]

    def _write_values(self, step: int, values: list[Summary.Value]) -> None:
        if values:
            self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()  # so that a running training can be watched


def histogram(values: Array) -> HistogramProto:
    """Count finite values in buckets of equal width, as TensorBoard's histograms hold them.

    Args:
        values: Numbers of any shape; those that are not finite are left out.

    Returns:
        The message; ``num`` 0 when nothing is finite.
    """
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return HistogramProto()
    counts, edges = np.histogram(flat, bins=_BUCKETS if np.ptp(flat) > 0 else 1)
    return HistogramProto(
        min=flat.min(),
        max=flat.max(),
        num=flat.size,
        sum=flat.sum(),
        sum_squares=np.square(flat).sum(),
        bucket_limit=edges[1:],
        bucket=counts,
    )
