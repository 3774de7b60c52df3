"""Training on several devices or machines: ``tf.distribute``, with the ends that it leaves open.

Every replica takes its share of each batch, the gradients are summed, and all weights stay equal:
the same training as on one device, with the same batch size, only faster. Keras 3's ``fit`` does
not run under ``MultiWorkerMirroredStrategy`` (keras-team/keras issue 20585), so there is a training
loop here: Keras's own ``train_step`` on every replica, and Keras's callbacks around it.

What ``tf.distribute`` leaves open is what happens when a worker is not there: it waits, for ever.
Here the start and every exchange between workers have a deadline, after which the run ends with
:class:`~export.errors.WorkerError` or, where TensorFlow cannot be interrupted, at once.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.errors import OutOfMemoryError, SettingsError, WorkerError
from export.training.batches import Batches

log = logging.getLogger(__name__)

_ENDING_S = 5.0  # how long a process that was killed may still hold its port

Array = np.ndarray[Any, Any]
Batch = tuple[Any, ...]

KINDS = ("none", "mirrored", "multi_worker")
"""On one device, on all devices of this machine, on all devices of several machines."""

START_TIMEOUT_S = 300.0
"""How long workers wait for each other at the start."""

STEP_TIMEOUT_S = 600.0
"""How long an exchange between workers may take: longer than one of them may be ahead."""

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Distribution:
    """Who trains, and this process's part in it.

    Attributes:
        kind: One of :data:`KINDS`.
        strategy: The ``tf.distribute`` strategy.
        worker: Number of this process among the workers.
        workers: ``host:port`` of every worker, in order; empty unless ``multi_worker``.
    """

    kind: str
    strategy: Any
    worker: int = 0
    workers: tuple[str, ...] = ()

    @property
    def replicas(self) -> int:
        """Number of devices that share each batch."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and publishes: worker 0 does."""
        return self.worker == 0

    def scope(self) -> Any:
        """Return the context in which models, optimisers and metrics must be made."""
        return self.strategy.scope()

    def to_json(self) -> dict[str, Any]:
        """Return what is saved with the run."""
        return {"kind": self.kind, "replicas": self.replicas, "workers": max(1, len(self.workers))}

    def fit(
        self,
        model: Any,
        batches: Batches,
        *,
        validation: Batches,
        epochs: int,
        initial_epoch: int = 0,
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
    ) -> None:
        """Train as ``model.fit`` does, every batch shared among the replicas.

        The loss of a batch that cannot be shared equally is the mean of the replicas' means.

        Args:
            model: Made and compiled in :meth:`scope`.
            batches: The same on every worker: (inputs, labels), arrays [examples, …]. A last batch
                with fewer examples than replicas is joined to the one before.
            validation: Such batches for the end of each epoch, the same on every worker.
            epochs: Number of the last epoch, as for ``fit``.
            initial_epoch: Number of the first one, counted from 0.
            callbacks: Keras callbacks, ``batches`` among them if they are to be shuffled; they see
                ``loss``, ``val_loss`` and the metrics.
            verbose: As for ``fit``.

        Raises:
            WorkerError: Another worker was lost.
            OutOfMemoryError: A replica's share does not fit into memory.
            SettingsError: There are fewer examples than replicas.
            ValueError: A metric was made outside of :meth:`scope`.
        """
        around = keras.callbacks.CallbackList(
            list(callbacks),
            add_progbar=verbose != 0,
            model=model,
            epochs=epochs,
            steps=len(batches),
            verbose=verbose,
        )
        self._build(model, batches[0])
        train, test = self._on_replicas(model.train_step), self._on_replicas(model.test_step)
        model.stop_training = False
        with self.reporting_lost_workers():
            around.on_train_begin()
            logs: dict[str, float] = {}
            for epoch in range(initial_epoch, epochs):
                around.on_epoch_begin(epoch)
                model.reset_metrics()
                for step, batch in enumerate(self._shareable(batches)):
                    around.on_train_batch_begin(step)
                    train(self._share(batch))
                    around.on_train_batch_end(step)
                logs = _results(model)
                model.reset_metrics()
                for batch in self._shareable(validation):
                    test(self._share(batch))
                logs |= {f"val_{name}": value for name, value in _results(model).items()}
                around.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            around.on_train_end(logs)

    def check_agreement(self, what: str, value: str) -> None:
        """Refuse workers that do not have the same.

        Args:
            what: Name for the message, such as ``data set``.
            value: This worker's, such as a fingerprint.

        Raises:
            WorkerError: With every worker's value.
        """
        if len(self.workers) < 2:
            return
        mine = np.zeros((1, 128), np.int32)  # collectives know no bytes
        encoded = value.encode()[:128]
        mine[0, : len(encoded)] = np.frombuffer(encoded, np.uint8)

        gather = tf.function(
            lambda: self.strategy.gather(self.strategy.run(lambda: tf.constant(mine)), axis=0),
            autograph=False,
        )
        with self.reporting_lost_workers():
            rows = gather().numpy()  # one a replica; those of a worker are equal
        per_worker = len(rows) // len(self.workers)
        values = [bytes(row.astype(np.uint8)).rstrip(b"\0").decode() for row in rows[::per_worker]]
        if len(set(values)) > 1:
            each = ", ".join(
                f"{who} has {it}" for who, it in zip(self.workers, values, strict=True)
            )
            raise WorkerError(f"the workers must have the same {what}, but {each}")

    @contextlib.contextmanager
    def reporting_lost_workers(self) -> Iterator[None]:
        """Turn TensorFlow's errors about other workers, and about memory, into ours."""
        try:
            yield
        except tf.errors.ResourceExhaustedError as err:
            raise OutOfMemoryError(
                f"the step ran out of memory on one of {self.replicas} replicas: lower "
                "--batch-size, which is shared among them"
            ) from err
        except _LOST as err:
            if len(self.workers) < 2:
                raise
            raise WorkerError(
                f"worker {self.worker} ({self.workers[self.worker]}) lost another one: "
                f"{self._missing() or 'all ports still answer, one of them may be stuck'}. "
                "Start the same command on every worker again; training goes on from the chief's "
                f"last checkpoint (TensorFlow: {_first_line(err)})"
            ) from err

    def _missing(self) -> str:
        # A process that ends is missed by its connection before its port is closed.
        give_up = time.monotonic() + _ENDING_S
        while not (silent := _silent(self.workers, self.worker)) and time.monotonic() < give_up:
            time.sleep(0.2)
        return f"no answer from {', '.join(silent)}" if silent else ""

    def _on_replicas(self, step: Callable[[Any], Any]) -> Any:
        # No AutoGraph: Keras's steps are written without Python's own control flow.
        return tf.function(
            lambda batch: self._run(step, batch), reduce_retracing=True, autograph=False
        )

    def _run(self, step: Callable[[Any], Any], batch: Any) -> None:
        self.strategy.run(step, args=(batch,))

    def _build(self, model: Any, batch: Batch) -> None:
        """Make the variables of the model, its optimiser and its metrics, as ``fit`` would.

        A step on the replicas cannot: TensorFlow would have to make them inside its function.
        """
        with self.scope():
            model._symbolic_build(data_batch=tuple(part[:1] for part in batch))
        for metric in model.metrics:
            for variable in metric.variables:
                # Elsewhere it would quietly count this replica's share alone.
                if not self.strategy.extended.variable_created_in_scope(variable.value):
                    raise ValueError(f"the metric {metric.name} must be made in the scope()")

    def _share(self, batch: Batch) -> Any:
        def of_replica(context: Any) -> Any:
            mine = slice(context.replica_id_in_sync_group, None, context.num_replicas_in_sync)
            return tuple(tf.constant(part[mine]) for part in batch)

        return self.strategy.experimental_distribute_values_from_function(of_replica)

    def _shareable(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Join a batch of fewer examples than replicas to the one before it."""
        held: Batch | None = None
        for batch in batches:
            if held is None:
                held = batch
            elif len(batch[0]) < self.replicas:
                held = tuple(np.concatenate(pair) for pair in zip(held, batch, strict=True))
            else:
                yield held
                held = batch
        if held is None or len(held[0]) < self.replicas:
            raise SettingsError(
                f"{self.replicas} replicas need as many examples in every batch; lower their "
                "number or raise --batch-size"
            )
        yield held


def start(
    kind: str,
    *,
    start_timeout_s: float = START_TIMEOUT_S,
    step_timeout_s: float = STEP_TIMEOUT_S,
) -> Distribution:
    """Join a training; the first thing that a process does with TensorFlow.

    Args:
        kind: One of :data:`KINDS`. ``multi_worker`` reads ``TF_CONFIG``, as TensorFlow does.
        start_timeout_s: How long to wait for the other workers. If one dies after that, while
            TensorFlow connects them, the process ends with exit code 1 after as long again.
        step_timeout_s: How long an exchange may take before the others count as lost.

    Raises:
        SettingsError: There is no such kind, ``TF_CONFIG`` says too little, or its port is taken.
        WorkerError: Not all workers came in time.
    """
    if kind == "none":
        return Distribution(kind, tf.distribute.get_strategy())
    if kind == "mirrored":
        return Distribution(kind, tf.distribute.MirroredStrategy())
    if kind != "multi_worker":
        raise SettingsError(f"--distribute must be one of {', '.join(KINDS)}, received {kind!r}")
    workers, number = _from_environment()
    log.info("worker %d of %d waits for the others: %s", number, len(workers), ", ".join(workers))
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=step_timeout_s)
    _meet(start_timeout_s, workers, number)
    # Whoever dies between that and this leaves the others without an end of their own.
    faulthandler.dump_traceback_later(start_timeout_s, exit=True)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return Distribution(kind, strategy, number, workers)


def _from_environment() -> tuple[tuple[str, ...], int]:
    """Return the workers and this one's number, as ``TF_CONFIG`` states them."""
    example = (
        '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        names = [*cluster.get("chief", []), *cluster.get("worker", [])]
        number = int(task["index"])
        if task["type"] == "worker":
            number += len(cluster.get("chief", []))
        if not 0 <= number < len(names) or task["type"] not in ("chief", "worker"):
            raise ValueError(f"there is no {task['type']} {task['index']}")  # noqa: TRY301
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise SettingsError(
            f"--distribute multi_worker needs the environment variable TF_CONFIG, such as "
            f"{example} on the first of two workers; received {text or 'none'} ({err!r})"
        ) from err
    return tuple(names), number


def _meet(timeout_s: float, workers: tuple[str, ...], number: int) -> None:
    """Wait until every worker listens at its address.

    TensorFlow's own wait cannot be ended: it holds the interpreter's lock, so that no other thread
    of Python runs. So the workers find each other first, at the ports that TensorFlow uses next.

    Raises:
        WorkerError: Somebody did not come in time.
        SettingsError: This worker's own port is taken.
    """
    give_up = time.monotonic() + timeout_s
    try:
        here = socket.create_server(("", int(workers[number].rpartition(":")[2])), backlog=128)
    except (OSError, ValueError) as err:
        raise SettingsError(
            f"worker {number} cannot listen at its address in TF_CONFIG, {workers[number]}: {err}"
        ) from err
    with here:
        while silent := _silent(workers, number):
            if time.monotonic() > give_up:
                raise WorkerError(
                    f"worker {number} waited {timeout_s:g} s for the other workers; no answer from "
                    f"{', '.join(silent)}. Start all workers within that time, and see that "
                    "TF_CONFIG is the same on all but for the index, and that they reach each "
                    "other's ports"
                )
            time.sleep(0.2)


def _silent(workers: tuple[str, ...], number: int) -> list[str]:
    """Return the workers, other than this one, at whose address nobody answers."""
    others = (worker for place, worker in enumerate(workers) if place != number)
    return [worker for worker in others if not _answers(worker)]


def _answers(worker: str) -> bool:
    host, _, port = worker.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except (OSError, ValueError):
        return False


def _results(model: Any) -> dict[str, float]:
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def _first_line(err: Exception) -> str:
    return (str(getattr(err, "message", err)).strip().splitlines() or [""])[0][:200]
