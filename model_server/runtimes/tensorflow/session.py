"""A TensorFlow session, run the way TensorFlow Serving does.

Calls bypass ``Session.run``: that one casts inputs silently, costs 0.15 ms more, and appends
Python's own words to each error. The method called instead is private; :func:`check_tensorflow`
fails at start-up should a TensorFlow lack it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.client import pywrap_tf_session

from model_server.errors import StartError, from_code, invalid_argument
from model_server.runtimes.arrays import Array


def check_tensorflow() -> None:
    """Check that this TensorFlow has the parts of its private interface that are used here.

    Raises:
        StartError: Naming the part that is missing.
    """
    for owner, name in (
        (tf.compat.v1.Session, "_call_tf_sessionrun"),
        (tf.compat.v1.Session, "_extend_graph"),
        (pywrap_tf_session, "TF_NewBufferFromString"),
        (pywrap_tf_session, "TF_DeleteBuffer"),
    ):
        if not hasattr(owner, name):
            raise StartError(
                f"TensorFlow {tf.__version__} has no {owner.__name__}.{name}; "
                "this server is made for TensorFlow 2.21"
            )


@dataclass(frozen=True)
class SessionThreads:
    """Sizes of the thread pools; 0 is TensorFlow's choice. The first session fixes intra_op."""

    intra_op: int = 0
    inter_op: int = 0


# A run hands its operations to the pool of --tensorflow_inter_op_parallelism and waits: 0.06 ms
# that a longer run gets back by working in parallel and by being cancelled at its deadline. A short
# one is better off in the thread of its caller.
_SHORT_RUN_S = 1e-3


def _run_options(**fields: int) -> Any:
    return pywrap_tf_session.TF_NewBufferFromString(
        tf.compat.v1.RunOptions(**fields).SerializeToString()
    )


_IN_CALLERS_THREAD = _run_options(inter_op_thread_pool=-1)


class Session:
    """The session of one graph. Calls may come from any number of threads at the same time."""

    def __init__(self, threads: SessionThreads) -> None:
        """Create a session of an empty graph.

        Args:
            threads: Sizes of its thread pools.
        """
        self._graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads.intra_op,
            inter_op_parallelism_threads=threads.inter_op,
            allow_soft_placement=True,
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        self._handles: dict[str, Any] = {}
        self._short: dict[tuple[str, ...], bool] = {}  # whose last run took less than _SHORT_RUN_S

    def load(self, path: Path, tags: Sequence[str]) -> Any:
        """Load a SavedModel's graph and variables, and run its initialisation.

        Args:
            path: The version's directory.
            tags: Tags of the meta graph.

        Returns:
            The ``MetaGraphDef``.

        Raises:
            tensorflow.errors.OpError: The graph, its variables or its initialisation fail.
            RuntimeError: There is no such meta graph.
        """
        meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
        self._session._extend_graph()
        return meta_graph

    def prepare(self, name: str) -> None:
        """Let :meth:`run` feed and fetch the tensor of this name, if the graph has one."""
        try:
            self._handles[name] = self._graph.get_tensor_by_name(name)._as_tf_output()
        except (KeyError, ValueError):
            # The initialisation entry names an operation, not a tensor; it is no signature that can
            # be called, and the session's own error says so when somebody does.
            return

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_ms: int | None
    ) -> list[Array]:
        """Run the part of the graph between tensors.

        Args:
            feeds: Value by tensor name; dtypes are passed on as they are, never cast.
            fetches: Tensor names.
            timeout_ms: Longest run in milliseconds; None for any.

        Returns:
            One array per entry of ``fetches``; strings are ``bytes`` in an object array.

        Raises:
            ServingError: With the session's code and text.
        """
        feed = {self._handle(name): value for name, value in feeds.items()}
        fetch = [self._handle(name) for name in fetches]
        key = tuple(fetches)
        is_short = self._short.get(key, False)
        own_options = None
        if not is_short and timeout_ms is not None:
            own_options = _run_options(timeout_in_ms=timeout_ms)
        options = _IN_CALLERS_THREAD if is_short else own_options
        begin = time.perf_counter()
        try:
            result: list[Array] = self._session._call_tf_sessionrun(options, feed, fetch, [], None)
        except tf.errors.OpError as err:
            raise from_code(err.error_code, err.message) from err
        finally:
            self._short[key] = time.perf_counter() - begin < _SHORT_RUN_S
            if own_options is not None:
                pywrap_tf_session.TF_DeleteBuffer(own_options)
        return result

    def _handle(self, name: str) -> Any:
        try:
            return self._handles[name]
        except KeyError:
            raise invalid_argument(
                f"Tensor {name}, specified in either feed_devices or fetch_devices was not found "
                "in the Graph"
            ) from None

    def close(self) -> None:
        """Free the session. Nothing may run any more."""
        self._session.close()
