"""The signatures of a loaded model: what callers name, and where that is in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signature_contract.signature import DTYPE_OF_ENUM

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"


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
    name = DTYPE_OF_ENUM.get(dtype, f"dtype {dtype}")
    return f"{name} of unknown rank" if shape is None else f"{name} {list(shape)}"


class Signature:
    """One signature key and what callers name of it.

    Attributes:
        key: The signature key.
        definition: The ``SignatureDef`` message.
        inputs: Input by alias, sorted by alias.
        outputs: Output by alias, sorted by alias.
        defaults: Values (``TensorProto``) of inputs a caller may leave out, by alias.
        hazards: Operations that its inputs reach and that end the process on a wrong rank.
    """

    def __init__(self, key: str, definition: Any, hazards: frozenset[str] = frozenset()) -> None:
        """Read a ``SignatureDef``."""
        self.key = key
        self.definition = definition
        self.inputs = _tensor_infos(definition.inputs)
        self.outputs = _tensor_infos(definition.outputs)
        self.defaults: Mapping[str, Any] = dict(definition.defaults)
        self.hazards = hazards


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
