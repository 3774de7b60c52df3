"""One SavedModel in a TensorFlow session, loaded the way TensorFlow Serving does.

``tensorflow.saved_model.load`` would run models that TensorFlow Serving cannot (it restores
objects, not the graph), so the session loader is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf

from model_server.errors import ServingError, from_code, not_found
from model_server.observation.metrics import Metrics
from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.runtime import OfTensors
from model_server.runtimes.signatures import Signature
from model_server.runtimes.tensorflow.batch_scheduler import BatchScheduler
from model_server.runtimes.tensorflow.batched_runs import BatchedRuns
from model_server.runtimes.tensorflow.rank_hazards import RankHazards
from model_server.runtimes.tensorflow.session import Session, SessionThreads
from protos import SignatureDef

_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


class SavedModel(OfTensors):
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
        self.signatures: dict[str, Signature] = {}
        self._session = Session(threads)
        self._batched = BatchedRuns(batches, self._session.run, metrics) if batches else None
        try:
            self._load(path, tags)
        except BaseException:
            self.close()
            raise

    def _load(self, path: Path, tags: Sequence[str]) -> None:
        try:
            meta_graph = self._session.load(path, tags)
            hazards = RankHazards(meta_graph.graph_def)
            self.signatures = {
                key: Signature(key, _copy(definition), _reached(hazards, definition))
                for key, definition in meta_graph.signature_def.items()
            }
            for signature in self.signatures.values():
                for info in (*signature.inputs.values(), *signature.outputs.values()):
                    self._session.prepare(info.tensor_name)
        except tf.errors.OpError as err:
            raise from_code(err.error_code, err.message) from err
        except RuntimeError as err:
            raise not_found(str(err)) from err
        except Exception as err:  # the loader parses files of any origin
            raise ServingError(
                grpc.StatusCode.DATA_LOSS, f"{path} cannot be loaded: {type(err).__name__}: {err}"
            ) from err

    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run any part of the graph; see ``run_tensors`` of the same protocol.

        Raises:
            ServingError: With the session's code and text, or the batch scheduler's.
        """
        if self._batched is not None:
            return self._batched(feeds, fetches, limits)
        return self._session.run(feeds, fetches, limits.timeout_ms)

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
