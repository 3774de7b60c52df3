"""Dynamic batching: requests of one signature run together, on TensorFlow's own batch scheduler.

A signature's subgraph becomes the body of a ``BatchFunction`` operation in the same session. The
operation queues its callers, joins them along axis 0, pads to an allowed size, runs once and deals
the rows out again: the scheduler is the one TensorFlow Serving uses.

Two requests can be joined when they fetch the same outputs and agree in every dimension but the
first, so each such combination has an operation (and with it a queue) of its own. A combination
costs memory, a copy of the subgraph's constants; when a signature has :data:`MAX_ENDPOINTS`,
further ones run unbatched.

A request that finds nothing else of its signature running has nobody to be joined with: it runs
past the queue, which would cost it a hand-over to another thread, padding, and the wait of
``batch_timeout_micros``.

Another difference to TensorFlow Serving: there ``num_batch_threads`` is one pool for all models of
the server, here each combination has a pool of that size. The operation's scheduler lives in its
session, so versions could not share one. In both, what runs at the same time is bounded by
``--grpc_max_threads`` and by the process-wide pool of ``--tensorflow_intra_op_parallelism``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from model_server.config_files import read_text_proto
from model_server.errors import UsageError
from model_server.serving_protos import BatchingParameters

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

MAX_ENDPOINTS = 8

# Defaults of TensorFlow Serving's scheduler (shared_batch_scheduler.h).
_DEFAULT_MAX_BATCH_SIZE = 1000
_DEFAULT_MAX_ENQUEUED_BATCHES = 10


@dataclass(frozen=True)
class BatchingSettings:
    """``BatchingParameters`` with defaults filled in.

    Attributes:
        max_batch_size: Most rows that run together.
        timeout_micros: How long a row waits for others.
        max_enqueued_batches: Batches that wait for a thread; one more row is refused, UNAVAILABLE.
        threads: Batches that run at the same time, for each combination that has a queue.
        allowed_sizes: Sizes that batches are padded to; empty for any.
        split_large: A request above ``max_batch_size`` is split instead of refused.
    """

    max_batch_size: int = _DEFAULT_MAX_BATCH_SIZE
    timeout_micros: int = 0
    max_enqueued_batches: int = _DEFAULT_MAX_ENQUEUED_BATCHES
    threads: int = os.cpu_count() or 1
    allowed_sizes: tuple[int, ...] = ()
    split_large: bool = False


def read_settings(path: Path | None) -> BatchingSettings:
    """Read a ``batching_parameters_file``; None gives the defaults.

    Raises:
        UsageError: The file cannot be read or parsed, or its values contradict each other.
    """
    if path is None:
        return BatchingSettings()
    message = read_text_proto(path, BatchingParameters())
    for field in ("pad_variable_length_inputs",):
        if getattr(message, field):
            raise UsageError(f"{path}: {field} is not supported by this embedded server")

    def value(field: str, default: Any, least: int) -> Any:
        if not message.HasField(field):
            return default
        found = getattr(message, field).value
        if found < least:
            raise UsageError(f"{path}: {field} must be at least {least}, is {found}")
        return found

    defaults = BatchingSettings()
    settings = BatchingSettings(
        max_batch_size=value("max_batch_size", defaults.max_batch_size, 1),
        timeout_micros=value("batch_timeout_micros", defaults.timeout_micros, 0),
        max_enqueued_batches=value("max_enqueued_batches", defaults.max_enqueued_batches, 1),
        threads=value("num_batch_threads", defaults.threads, 1),
        allowed_sizes=tuple(message.allowed_batch_sizes),
        split_large=value("enable_large_batch_splitting", False, 0),
    )
    sizes = settings.allowed_sizes
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != settings.max_batch_size):
        raise UsageError(
            f"{path}: allowed_batch_sizes must grow and end with max_batch_size "
            f"({settings.max_batch_size}), are {list(sizes)}"
        )
    if sizes and sizes[0] > 1:
        logger.warning(
            "%s: allowed_batch_sizes starts at %d, so a single row is padded to %d",
            path,
            sizes[0],
            sizes[0],
        )
    return settings


@dataclass(frozen=True)
class Endpoint:
    """A ``BatchFunction`` operation: where to feed and what to fetch, by alias."""

    feeds: Mapping[str, Any]
    fetches: Mapping[str, Any]


class SignatureBatcher:
    """Makes the endpoints of one signature, each when it is first asked for."""

    def __init__(self, session: Any, graph_def: Any, signature: Any, settings: BatchingSettings):
        """Create a batcher.

        Args:
            session: The session that holds the model.
            graph_def: The model's graph as loaded, without any batching.
            signature: The signature.
            settings: How to batch.
        """
        self._session = session
        self._graph_def = graph_def
        self._signature = signature
        self._settings = settings
        self._lock = threading.Lock()
        self._in_flight = 0
        self._endpoints: dict[Any, Endpoint] = {}
        tensors = (*signature.inputs.values(), *signature.outputs.values())
        # Rows can only be joined and dealt out when axis 0 is the batch everywhere.
        self.is_possible = bool(signature.inputs) and all(
            info.shape and info.shape[0] == -1 for info in tensors
        )

    @contextlib.contextmanager
    def in_flight(self) -> Iterator[int]:
        """Count a request while it runs; gives the number of others that run at its start."""
        with self._lock:
            others = self._in_flight
            self._in_flight += 1
        try:
            yield others
        finally:
            with self._lock:
                self._in_flight -= 1

    def endpoint(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> Endpoint | None:
        """Return the endpoint for a request, or None when it has to run alone.

        Args:
            feeds: The request's arrays by alias.
            outputs: The outputs it asks for.
        """
        if not self.is_possible or not all(array.ndim for array in feeds.values()):
            return None
        rows = {len(array) for array in feeds.values()}
        if len(rows) != 1 or 0 in rows:
            return None
        # dtypes that contradict the signature are refused by the direct run, in its words.
        key = (
            tuple(sorted(outputs)),
            tuple((array.dtype.str, array.shape[1:]) for array in feeds.values()),
        )
        found = self._endpoints.get(key)
        if found is None:
            with self._lock:
                found = self._endpoints.get(key)
                if found is None and len(self._endpoints) < MAX_ENDPOINTS:
                    found = self._make(feeds, key[0])
                    if found is not None:
                        self._endpoints[key] = found
        return found

    def _make(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> Endpoint | None:
        signature, settings = self._signature, self._settings
        for alias, array in feeds.items():
            dtype = tf.dtypes.as_dtype(signature.inputs[alias].dtype)
            if dtype.as_numpy_dtype != array.dtype.type and not (
                dtype == tf.string and array.dtype == object
            ):
                return None
        inputs = [signature.inputs[alias].tensor_name for alias in feeds]
        fetched = [signature.outputs[alias].tensor_name for alias in outputs]
        subgraph = tf.compat.v1.graph_util.extract_sub_graph(
            self._graph_def, [name.partition(":")[0] for name in fetched]
        )

        def body(*rows: Any) -> Any:
            return tf.graph_util.import_graph_def(
                subgraph,
                input_map=dict(zip(inputs, rows, strict=True)),
                return_elements=fetched,
                name="model",
            )

        with self._session.graph.as_default():
            placeholders = [
                tf.compat.v1.placeholder(
                    tf.dtypes.as_dtype(signature.inputs[alias].dtype), [None, *array.shape[1:]]
                )
                for alias, array in feeds.items()
            ]
            batched = tf.nondifferentiable_batch_function(
                num_batch_threads=settings.threads,
                max_batch_size=settings.max_batch_size,
                batch_timeout_micros=settings.timeout_micros,
                allowed_batch_sizes=list(settings.allowed_sizes) or None,
                max_enqueued_batches=settings.max_enqueued_batches,
                autograph=False,
                enable_large_batch_splitting=settings.split_large,
            )(body)(*placeholders)
        self._session._extend_graph()
        logger.info(
            "batching requests of signature %s with inputs %s for outputs %s",
            signature.key,
            {alias: list(array.shape[1:]) for alias, array in feeds.items()},
            list(outputs),
        )
        return Endpoint(
            feeds={
                alias: tensor._as_tf_output()
                for alias, tensor in zip(feeds, placeholders, strict=True)
            },
            fetches={
                alias: tensor._as_tf_output()
                for alias, tensor in zip(outputs, batched, strict=True)
            },
        )
