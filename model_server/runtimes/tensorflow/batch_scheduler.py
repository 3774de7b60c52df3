"""Which tasks run together: TensorFlow Serving's shared batch scheduler.

Tasks wait in queues, one for each set of tensors fed and fetched, in batches of which the last is
open. One pool of threads serves all queues of the server in turn. A batch is due when it is full,
when a further one had to be opened, or when its first task has waited for the timeout. The refusals
have the words of ``shared_batch_scheduler.h``.

TensorFlow's own scheduler can be had in Python as a ``BatchFunction`` only, whose queues belong to
one session and one shape: it joins what TensorFlow Serving refuses to join.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import grpc

from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.batching_parameters import BatchingSettings

logger = logging.getLogger(__name__)


class Task(Protocol):
    """What can be queued."""

    @property
    def size(self) -> int:
        """The number of its rows."""

    def split(self, sizes: Sequence[int]) -> list[Task]:
        """Return tasks of these sizes, which add up to its own."""


@dataclass
class _Batch:
    tasks: list[Task] = field(default_factory=list)
    size: int = 0
    opened: float = 0.0  # time.monotonic() of its first task


class BatchQueue:
    """Tasks that may run together; made by :meth:`BatchScheduler.queue`."""

    def __init__(self, scheduler: BatchScheduler, run: Callable[[list[Task]], None]) -> None:
        """Create an empty queue; ``run`` gets each batch, in a thread of the scheduler."""
        self.run = run
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._batches = deque([_Batch()])

    def put(self, task: Task) -> None:
        """Queue a task.

        Raises:
            ServingError: INVALID_ARGUMENT when it is larger than a task may be, UNAVAILABLE when
                the queue is full.
        """
        with self._scheduler.changed:
            self._check(task.size)
            for part in self._parts(task):
                if self._batches[-1].size + part.size > self._settings.largest_batch:
                    self._batches.append(_Batch())
                batch = self._batches[-1]
                if not batch.tasks:
                    batch.opened = time.monotonic()
                batch.tasks.append(part)
                batch.size += part.size
            self._scheduler.changed.notify()

    def remove(self, task: Task) -> bool:
        """Take a task out again that nobody waits for; False when it runs already, or is split."""
        with self._scheduler.changed:
            for batch in self._batches:
                if any(queued is task for queued in batch.tasks):
                    batch.tasks = [queued for queued in batch.tasks if queued is not task]
                    batch.size -= task.size
                    return True
        return False

    def close(self) -> None:
        """Leave the scheduler. Nothing may be queued any more."""
        self._scheduler.forget(self)

    def _parts(self, task: Task) -> list[Task]:
        settings = self._settings
        room = settings.largest_batch - self._batches[-1].size
        if not settings.split_large or task.size <= room:
            return [task]
        sizes = [room] if room > 0 else []
        left = task.size - room
        sizes += [settings.largest_batch] * (left // settings.largest_batch)
        if left % settings.largest_batch:
            sizes.append(left % settings.largest_batch)
        return task.split(sizes)

    def _check(self, size: int) -> None:
        settings = self._settings
        if size > settings.max_batch_size:
            raise invalid_argument(
                f"Task size {size} is larger than maximum input batch size "
                f"{settings.max_batch_size}"
            )
        count, open_size = len(self._batches), self._batches[-1].size
        full = "The batch scheduling queue to which this task was submitted is full; "
        if settings.split_large:
            room = (settings.max_enqueued_batches - count) * settings.largest_batch
            room += settings.largest_batch - open_size
            if size > room:
                raise ServingError(
                    grpc.StatusCode.UNAVAILABLE,
                    f"{full}task size is {size} but scheduling capacity is only {room} "
                    f"(num_enqueued_batches={count}, "
                    f"max_enqueued_batches={settings.max_enqueued_batches}, "
                    f"open_batch_size={open_size}, "
                    f"max_execution_batch_size={settings.largest_batch})",
                )
        elif open_size + size > settings.max_batch_size and count >= settings.max_enqueued_batches:
            raise ServingError(
                grpc.StatusCode.UNAVAILABLE,
                f"{full}currently {count} batches enqueued and max_enqueued_batches is "
                f"{settings.max_enqueued_batches}",
            )

    def take(self, now: float) -> list[Task]:
        """Return the tasks of the next batch if it is due, with the scheduler's lock held."""
        if len(self._batches) == 1:
            due = self.due()
            if due is None or due > now:
                return []
            self._batches.append(_Batch())
        return self._batches.popleft().tasks

    def due(self) -> float | None:
        """Return when a batch is due, by ``time.monotonic()``; None when nothing is queued."""
        first = self._batches[0]
        if len(self._batches) > 1 or first.size >= self._settings.largest_batch:
            return 0.0
        return first.opened + self._settings.timeout_micros / 1e6 if first.tasks else None


class BatchScheduler:
    """The threads that run batches, for all models of a server.

    Attributes:
        settings: How to batch.
        changed: Guards all queues; notified when something was queued.
    """

    def __init__(self, settings: BatchingSettings) -> None:
        """Start the threads."""
        self.settings = settings
        self.changed = threading.Condition()
        self._queues: deque[BatchQueue] = deque()
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{n}", daemon=True)
            for n in range(settings.threads)
        ]
        for thread in self._threads:
            thread.start()

    def queue(self, run: Callable[[list[Task]], None]) -> BatchQueue:
        """Add a queue; ``run`` gets each of its batches."""
        added = BatchQueue(self, run)
        with self.changed:
            self._queues.append(added)
        return added

    def forget(self, queue: BatchQueue) -> None:
        """Leave a queue out from now on."""
        with self.changed:
            self._queues.remove(queue)

    def _work(self) -> None:
        while True:
            with self.changed:
                while True:
                    queue, tasks = self._next()
                    if queue is not None:
                        break
                    self.changed.wait(self._pause())
            try:
                if tasks:
                    queue.run(tasks)
            except Exception:
                # `run` answers every task itself; should it fail at that, the others go on.
                logger.exception("a batch failed")

    def _next(self) -> tuple[BatchQueue | None, list[Task]]:
        now = time.monotonic()
        for _ in range(len(self._queues)):
            queue = self._queues[0]
            self._queues.rotate(-1)
            tasks = queue.take(now)
            if tasks:
                return queue, tasks
        return None, []

    def _pause(self) -> float | None:
        dues = [due for queue in self._queues if (due := queue.due()) is not None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None
