"""The signatures of a loaded model: what callers name, and where that is in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from model_server.errors import invalid_argument

Array = np.ndarray[Any, Any]

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        alias: The name that callers use.
        tensor_name: The name in the graph, ``operation:index``.
        dtype: TensorFlow's dtype enum.
        shape: Size per axis, -1 for any; None when the rank is unknown.
    """

    alias: str
    tensor_name: str
    dtype: int
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        return describe(self.dtype, self.shape)


def describe(dtype: int, shape: Sequence[int] | None) -> str:
    """Return a dtype and shape as people write them: ``float32 [-1, 3]``."""
    try:
        name = tf.dtypes.as_dtype(dtype).name
    except TypeError:
        name = f"dtype {dtype}"
    return f"{name} of unknown rank" if shape is None else f"{name} {list(shape)}"


class Signature:
    """One signature key with its tensors looked up in the graph.

    Attributes:
        key: The signature key.
        definition: The ``SignatureDef`` message.
        inputs: Input by alias, sorted by alias.
        outputs: Output by alias, sorted by alias.
        defaults: Values (``TensorProto``) of inputs a caller may leave out, by alias.
        hazards: Operations that its inputs reach and that end the process on a wrong rank.
    """

    def __init__(
        self, key: str, definition: Any, graph: Any, hazards: frozenset[str] = frozenset()
    ) -> None:
        """Look up the tensors of ``definition`` in ``graph``."""
        self.key = key
        self.hazards = hazards
        self.definition = definition
        self.inputs = _tensor_infos(definition.inputs)
        self.outputs = _tensor_infos(definition.outputs)
        self.defaults: Mapping[str, Any] = dict(definition.defaults)
        self.is_short = False  # the last run took less than _SHORT_RUN_S
        self._handles: dict[str, Any] = {}
        for info in (*self.inputs.values(), *self.outputs.values()):
            try:
                tensor = graph.get_tensor_by_name(info.tensor_name)
            except (KeyError, ValueError):
                # The initialisation entry names an operation, not a tensor; it is no signature that
                # can be called, and the session's own error says so when somebody does.
                continue
            self._handles[info.tensor_name] = tensor._as_tf_output()

    def handle(self, info: TensorInfo) -> Any:
        """Return the native handle of a tensor.

        Raises:
            ServingError: INVALID_ARGUMENT when the graph has no such tensor.
        """
        try:
            return self._handles[info.tensor_name]
        except KeyError:
            raise invalid_argument(
                f"Tensor {info.tensor_name}, specified in either feed_devices or fetch_devices was "
                "not found in the Graph"
            ) from None


def _tensor_infos(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {
        alias: TensorInfo(
            alias=alias,
            tensor_name=info.name,
            dtype=info.dtype,
            shape=None
            if info.tensor_shape.unknown_rank
            else tuple(dim.size for dim in info.tensor_shape.dim),
        )
        for alias, info in sorted(infos.items())
    }
