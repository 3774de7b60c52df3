"""One SavedModel in a TensorFlow session, loaded and run the way TensorFlow Serving does.

``tensorflow.saved_model.load`` would run models that TensorFlow Serving cannot (it restores
objects, not the graph), so the session loader is used. Calls bypass ``Session.run``: that one casts
inputs silently, costs 0.15 ms more, and appends Python's own words to each error. The method called
instead is private; :func:`check_tensorflow` fails at start-up should a TensorFlow lack it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow.python.client import pywrap_tf_session

from model_server.batching import BatchingSettings, Endpoint, SignatureBatcher
from model_server.errors import (
    ServingError,
    StartError,
    from_code,
    not_found,
)
from model_server.rank_hazards import RankHazards
from model_server.signatures import Array, Signature

# What a batched request is answered at once: trying again alone would only add to the load.
_OWN_FAULT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


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


class SavedModel:
    """A loaded version. Calls may come from any number of threads at the same time.

    Attributes:
        signatures: Signature by key.
    """

    def __init__(
        self,
        path: Path,
        tags: Sequence[str],
        threads: SessionThreads,
        batching: BatchingSettings | None = None,
    ) -> None:
        """Load a SavedModel and run its initialisation.

        Args:
            path: The version's directory.
            tags: Tags of the meta graph.
            threads: Sizes of the session's thread pools.
            batching: Join requests into batches; None runs each alone.

        Raises:
            ServingError: The directory is not a SavedModel, has no such meta graph, or its graph,
                variables or initialisation fail; with TensorFlow's code and text.
        """
        if not any((path / name).is_file() for name in _SAVED_MODEL_FILES):
            raise not_found(
                f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}"
            )
        graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads.intra_op,
            inter_op_parallelism_threads=threads.inter_op,
            allow_soft_placement=True,
        )
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        self._batchers: dict[str, SignatureBatcher] = {}
        try:
            meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
            self._session._extend_graph()
            hazards = RankHazards(meta_graph.graph_def)
            self.signatures = {
                key: Signature(key, _copy(definition), graph, _reached(hazards, definition))
                for key, definition in meta_graph.signature_def.items()
            }
            del hazards
            if batching is not None:
                graph_def = graph.as_graph_def()
                self._batchers = {
                    key: SignatureBatcher(self._session, graph_def, signature, batching)
                    for key, signature in self.signatures.items()
                }
        except tf.errors.OpError as err:
            self.close()
            raise from_code(err.error_code, err.message) from err
        except RuntimeError as err:
            self.close()
            raise not_found(str(err)) from err
        except Exception as err:  # the loader parses files of any origin
            self.close()
            raise ServingError(
                grpc.StatusCode.DATA_LOSS, f"{path} cannot be loaded: {type(err).__name__}: {err}"
            ) from err

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        timeout_ms: int | None = None,
    ) -> list[Array]:
        """Run one signature.

        Args:
            signature: One of :attr:`signatures`.
            feeds: Value by input alias; dtypes are passed on as they are, never cast.
            outputs: Output aliases.
            timeout_ms: Give up after this time; None never does.

        Returns:
            One array per entry of ``outputs``; strings are ``bytes`` in an object array.

        Raises:
            ServingError: With the session's code and text.
        """
        batcher = self._batchers.get(signature.key)
        endpoint = batcher.endpoint(feeds, outputs) if batcher is not None else None
        if batcher is None or endpoint is None:
            return self._run_alone(signature, feeds, outputs, timeout_ms)
        with batcher.in_flight() as others:
            if not others:
                return self._run_alone(signature, feeds, outputs, timeout_ms)
            try:
                return self._run_batched(endpoint, feeds, outputs, timeout_ms)
            except ServingError as err:
                if err.code in _OWN_FAULT:
                    raise
            # One bad row fails its whole batch; alone, each request gets its own answer.
            return self._run_alone(signature, feeds, outputs, timeout_ms)

    def _run_alone(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        timeout_ms: int | None,
    ) -> list[Array]:
        feed = {signature.handle(signature.inputs[alias]): value for alias, value in feeds.items()}
        fetch = [signature.handle(signature.outputs[alias]) for alias in outputs]
        own_options = None
        if not signature.is_short and timeout_ms is not None:
            own_options = _run_options(timeout_in_ms=timeout_ms)
        options = _IN_CALLERS_THREAD if signature.is_short else own_options
        begin = time.perf_counter()
        try:
            result: list[Array] = self._session._call_tf_sessionrun(options, feed, fetch, [], None)
        except tf.errors.OpError as err:
            raise from_code(err.error_code, err.message) from err
        finally:
            signature.is_short = time.perf_counter() - begin < _SHORT_RUN_S
            if own_options is not None:
                pywrap_tf_session.TF_DeleteBuffer(own_options)
        return result

    def _run_batched(
        self,
        endpoint: Endpoint,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        timeout_ms: int | None,
    ) -> list[Array]:
        feed = {endpoint.feeds[alias]: value for alias, value in feeds.items()}
        fetch = [endpoint.fetches[alias] for alias in outputs]
        options = _run_options(timeout_in_ms=timeout_ms) if timeout_ms is not None else None
        try:
            result: list[Array] = self._session._call_tf_sessionrun(options, feed, fetch, [], None)
        except tf.errors.OpError as err:
            raise from_code(err.error_code, err.message) from err
        finally:
            if options is not None:
                pywrap_tf_session.TF_DeleteBuffer(options)
        return result

    def close(self) -> None:
        """Free the session. Nothing may run any more."""
        self._session.close()
        self.signatures = {}
        self._batchers = {}


def _reached(hazards: RankHazards, definition: Any) -> frozenset[str]:
    inputs, outputs = definition.inputs.values(), definition.outputs.values()
    return hazards.reached([info.name for info in inputs], [info.name for info in outputs])


def _copy(definition: Any) -> Any:
    # A copy lets go of the meta graph, which holds a second set of a frozen model's weights.
    copy = type(definition)()
    copy.CopyFrom(definition)
    return copy
