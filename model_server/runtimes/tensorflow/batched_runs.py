"""Runs of one model joined into batches, as TensorFlow Serving's ``batching_session.cc`` does.

Runs that feed and fetch the same tensors share a queue, whatever signature or call they come from.
A batch is joined along axis 0, padded to an allowed size, run once and dealt out again. What cannot
be joined is not kept apart: the whole batch fails, for all of its callers, as there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np

from model_server.errors import ServingError, failed_precondition
from model_server.observation.metrics import Metrics
from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import CallLimits
from model_server.runtimes.tensorflow.batch_scheduler import BatchQueue, BatchScheduler, Task
from model_server.runtimes.tensorflow.joining import count_rows, join

RunTensors = Callable[[Mapping[str, Array], Sequence[str], int | None], list[Array]]
"""Values by tensor name, names of tensors, milliseconds; returns a value per name."""


class _RunTask:
    """One call's tensors while they wait and run; a part of them when it was split."""

    def __init__(
        self, feeds: Mapping[str, Array], size: int, deadline: float | None, whole: _RunTask | None
    ) -> None:
        self.feeds = feeds
        self.size = size
        self.deadline = deadline
        self.enqueued = time.monotonic()
        self.values: dict[str, Array] = {}
        self.error: ServingError | None = None
        self.parts: list[_RunTask] = []
        self.done = threading.Event()
        self._whole = whole
        self._left = 0
        self._lock = threading.Lock()

    def split(self, sizes: Sequence[int]) -> list[Task]:
        ends = np.cumsum(sizes).tolist()
        self._left = len(sizes)
        self.parts = [
            _RunTask(
                {name: array[end - size : end] for name, array in self.feeds.items()},
                size,
                self.deadline,
                self,
            )
            for size, end in zip(sizes, ends, strict=True)
        ]
        return list(self.parts)

    def finish(self) -> None:
        """Tell whoever waits that values or an error are there."""
        self.done.set()
        if self._whole is not None:
            self._whole.finish_part()

    def finish_part(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        self.error = next((part.error for part in self.parts if part.error is not None), None)
        if self.error is None:
            try:
                self.values = {
                    name: np.concatenate([part.values[name] for part in self.parts])
                    for name in self.parts[0].values
                }
            except ValueError as err:  # each part's rows have another shape
                self.error = ServingError(grpc.StatusCode.INTERNAL, str(err))
        self.done.set()


class BatchedRuns:
    """Joins the runs of one model. Thread-safe."""

    def __init__(
        self, scheduler: BatchScheduler, run: RunTensors, metrics: Metrics | None = None
    ) -> None:
        """Create it; ``run`` runs a batch."""
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._run = run
        self._metrics = metrics
        self._queues: dict[tuple[frozenset[str], tuple[str, ...]], BatchQueue] = {}
        self._lock = threading.Lock()

    def __call__(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], limits: CallLimits
    ) -> list[Array]:
        """Run together with whoever else feeds and fetches the same.

        Args:
            feeds: Value by tensor name.
            fetches: Names of tensors.
            limits: What bounds the call.

        Returns:
            A value per name.

        Raises:
            ServingError: The run cannot be queued, or its batch cannot be joined, run or dealt out.
        """
        size = count_rows(feeds)
        if self._metrics is not None:
            for _ in feeds:
                self._metrics.input_batch_size.observe(size)
        timeout_ms = limits.timeout_ms
        deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1e3
        run = _RunTask(feeds, size, deadline, None)
        queue = self._queue(frozenset(feeds), tuple(sorted(set(fetches))))
        queue.put(run)
        if limits.when_over is not None and not limits.when_over(lambda: _abandon(run, queue)):
            _abandon(run, queue)
        run.done.wait()
        if run.error is not None:
            raise run.error
        return [run.values[name] for name in fetches]

    def close(self) -> None:
        """Leave the scheduler. Nothing may run any more."""
        with self._lock:
            for queue in self._queues.values():
                queue.close()
            self._queues = {}

    def _queue(self, feeds: frozenset[str], fetches: tuple[str, ...]) -> BatchQueue:
        with self._lock:
            found = self._queues.get((feeds, fetches))
            if found is None:
                found = self._scheduler.queue(lambda tasks: self._run_batch(fetches, tasks))
                self._queues[feeds, fetches] = found
            return found

    def _run_batch(self, fetches: tuple[str, ...], runs: list[Any]) -> None:
        error: ServingError | None = None
        try:
            self._answer(fetches, runs)
        except ServingError as err:
            error = err
        except Exception as err:
            error = ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}")
            raise
        finally:
            for run in runs:
                run.error = error
                run.finish()

    def _answer(self, fetches: tuple[str, ...], runs: list[_RunTask]) -> None:
        now = time.monotonic()
        metrics = self._metrics
        if metrics is not None:
            for run in runs:
                metrics.queuing_latency.observe((now - run.enqueued) * 1e6, "")
        deadlines = [run.deadline for run in runs]
        waiting = [None if deadline is None else deadline - now for deadline in deadlines]
        if all(left is not None and left <= 0 for left in waiting):
            raise ServingError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "Run() timeout exceeded while waiting in batching queue",
            )
        # The patience of the most patient counts, for all of them.
        longest = None if None in waiting else max(1, int(max(left or 0 for left in waiting) * 1e3))
        size = sum(run.size for run in runs)
        padded = self._settings.padded_size(size)
        if metrics is not None:
            metrics.padding_size.observe(padded - size, str(padded))
            metrics.processed_batch_size.observe(padded)
        feeds = join([run.feeds for run in runs], padded - size, self._settings.pad_inputs)
        if metrics is not None:
            metrics.wrapped_run_count.add()
        values = self._run(feeds, fetches, longest)
        for name, value in zip(fetches, values, strict=True):
            if not value.ndim:
                raise failed_precondition("Batched output tensor has 0 dimensions")
            if len(value) != padded:
                raise failed_precondition(
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    "dimension sizes of the input tensors"
                )
            begin = 0
            for run in runs:
                run.values[name] = value[begin : begin + run.size]
                begin += run.size


def _abandon(run: _RunTask, queue: BatchQueue) -> None:
    """Answer a run whose caller is gone, unless it has begun."""
    if not run.done.is_set() and queue.remove(run):
        run.error = ServingError(grpc.StatusCode.CANCELLED, "the caller no longer waits")
        run.finish()
