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

from model_server.errors import (
    ServingError,
    StartError,
    from_code,
    invalid_argument,
    not_found,
)
from model_server.observation.metrics import Metrics
from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.signatures import Signature
from model_server.runtimes.tensorflow.batch_scheduler import BatchScheduler
from model_server.runtimes.tensorflow.batched_runs import BatchedRuns
from model_server.runtimes.tensorflow.rank_hazards import RankHazards
from protos import SignatureDef

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
        batches: BatchScheduler | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Load a SavedModel and run its initialisation.

        Args:
            path: The version's directory.
            tags: Tags of the meta graph.
            threads: Sizes of the session's thread pools.
            batches: Joins requests; None runs each alone.
            metrics: Where batches are measured.

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
        self._handles: dict[str, Any] = {}
        self._short: dict[tuple[str, ...], bool] = {}  # whose last run took less than _SHORT_RUN_S
        self._batched = BatchedRuns(batches, self._run_session, metrics) if batches else None
        try:
            meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
            self._session._extend_graph()
            hazards = RankHazards(meta_graph.graph_def)
            self.signatures = {
                key: Signature(key, _copy(definition), _reached(hazards, definition))
                for key, definition in meta_graph.signature_def.items()
            }
            for signature in self.signatures.values():
                for info in (*signature.inputs.values(), *signature.outputs.values()):
                    self._find(info.tensor_name, graph)
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

    def _find(self, name: str, graph: Any) -> None:
        try:
            self._handles[name] = graph.get_tensor_by_name(name)._as_tf_output()
        except (KeyError, ValueError):
            # The initialisation entry names an operation, not a tensor; it is no signature that can
            # be called, and the session's own error says so when somebody does.
            return

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run one signature.

        Args:
            signature: One of :attr:`signatures`.
            feeds: Value by input alias; dtypes are passed on as they are, never cast.
            outputs: Output aliases.
            limits: What bounds the call.

        Returns:
            One array per entry of ``outputs``; strings are ``bytes`` in an object array.

        Raises:
            ServingError: With the session's code and text.
        """
        return self.run_tensors(
            {signature.inputs[alias].tensor_name: value for alias, value in feeds.items()},
            [signature.outputs[alias].tensor_name for alias in outputs],
            limits,
        )

    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run any part of the graph that the signatures' tensors bound.

        Args:
            feeds: Value by tensor name.
            fetches: Tensor names.
            limits: What bounds the call.

        Returns:
            One array per entry of ``fetches``.

        Raises:
            ServingError: With the session's code and text, or the batch scheduler's.
        """
        if self._batched is not None:
            return self._batched(feeds, fetches, limits)
        return self._run_session(feeds, fetches, limits.timeout_ms)

    def _run_session(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_ms: int | None
    ) -> list[Array]:
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
        if self._batched is not None:
            self._batched.close()
        self._session.close()
        self.signatures = {}


def _reached(hazards: RankHazards, definition: Any) -> frozenset[str]:
    inputs, outputs = definition.inputs.values(), definition.outputs.values()
    return hazards.reached([info.name for info in inputs], [info.name for info in outputs])


def _copy(definition: Any) -> SignatureDef:
    # A copy lets go of the meta graph, which holds a second set of a frozen model's weights. The
    # answers' message takes no other class than its own, so the way leads over bytes.
    return SignatureDef.FromString(definition.SerializeToString())
