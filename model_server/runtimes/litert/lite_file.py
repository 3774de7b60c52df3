"""A TFLite file of any origin, served as TensorFlow Serving's TFLite session does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.arrays import Array, shape_text, type_name
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.litert.declared import read_signatures
from model_server.runtimes.litert.interpreters import InterpreterPool
from model_server.runtimes.runtime import OfTensors
from model_server.runtimes.signatures import Signature
from signature_contract.declared.tflite import IDENTIFIER

MOST_AXES = 6
"""XNNPACK's ``XNN_MAX_TENSOR_DIMS``. It writes past its memory, and ends the process, from about
twelve on: found by replaying TensorFlow Serving's recorded answers, whose deepest tensor has 40."""

_MOST_ROWS = 2**31 - 1


class LiteFile(OfTensors):
    """A loaded file. Calls may come from any number of threads at the same time.

    Attributes:
        signatures: Signature by key.
        pool: Its interpreters.
    """

    def __init__(self, path: Path, interpreters: int) -> None:
        """Load a file.

        Args:
            path: The file.
            interpreters: How many calls run at the same time.

        Raises:
            ServingError: It cannot be loaded.
        """
        try:
            content = path.read_bytes()
        except OSError as err:
            raise ServingError(
                grpc.StatusCode.UNAVAILABLE, f"{path} cannot be read: {err.strerror or err}"
            ) from err
        if content[4:8] != IDENTIFIER:
            raise invalid_argument(
                f"Cannot build FlatBufferModel from {path}: it is no TFLite file"
            )
        self.pool = InterpreterPool(path, interpreters)
        inputs, outputs = self.pool.first.inputs, self.pool.first.outputs
        self.signatures: dict[str, Signature] = {
            key: Signature(key, message)
            for key, message in read_signatures(content, inputs, outputs).items()
        }
        self._dtypes = {one["name"]: _type_name(one["dtype"]) for one in inputs}
        self._outputs = {one["name"] for one in outputs}

    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run the graph; see ``run_tensors`` of the same protocol.

        Raises:
            ServingError: INTERNAL for a name that is none of the graph's inputs or outputs;
                INVALID_ARGUMENT for an input's wrong dtype; what the graph says.
        """
        for place, (name, value) in enumerate(feeds.items()):
            self._check(place, name, value)
        for name in fetches:
            if name not in self._outputs:
                raise _unknown("output", name)
        return self.pool.run(feeds, fetches, limits)

    def _check(self, place: int, name: str, value: Array) -> None:
        if name not in self._dtypes:
            raise _unknown("input", name)
        # TensorFlow Serving copies a wrong dtype's bytes as they are, past the end of the tensor's
        # memory; these are a session's words.
        if self._dtypes[name] != (found := type_name(value.dtype)):
            raise invalid_argument(
                f"Expects arg[{place}] to be {self._dtypes[name]} but {found} is provided"
            )
        if value.ndim > MOST_AXES or max(value.shape, default=0) > _MOST_ROWS:
            raise invalid_argument(
                f"LiteRT takes tensors of at most {MOST_AXES} axes, none longer than {_MOST_ROWS}; "
                f"{name} has shape {shape_text(value)}"
            )

    def close(self) -> None:
        """Free the interpreters. Nothing may run any more."""
        self.pool.close()
        self.signatures = {}


def _type_name(dtype: Any) -> str:
    """Return TensorFlow's name of a dtype of LiteRT, whose strings are fixed bytes of no length."""
    kind: np.dtype[Any] = np.dtype(dtype)
    return "string" if kind.kind == "S" else type_name(kind)


def _unknown(role: str, name: str) -> ServingError:
    return ServingError(
        grpc.StatusCode.INTERNAL, f"Missing {role} TFLite tensor: {name}: Unknown tensor '{name}'."
    )
