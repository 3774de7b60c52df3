"""Signatures: named tensors with dtype and shape, as a contract states or a model declares them.

Standard library only, like :mod:`serving_config.contract`, which holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving_config.difference import Difference, name_differences

_INIT_OP_KEY = "__saved_model_init_op"  # TensorFlow's own entry in a signature map, no signature

# tensorflow/core/framework/types.proto, the dtypes a signature can meaningfully carry.
DTYPE_OF_ENUM = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""NumPy's name (or ``string``) by TensorFlow's DataType number."""

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Tolerance:
    """How far apart two correct answers may lie: ``absolute + relative * |golden value|``.

    docs/tolerances.md has the measurements behind the numbers of our contracts.

    Attributes:
        absolute: In the output's own unit, at least 0.
        relative: Share of the golden value, at least 0.
    """

    absolute: float
    relative: float = 0.0

    def __str__(self) -> str:
        if not self.relative:
            return f"{self.absolute:g}"
        return f"{self.absolute:g} + {self.relative:g} of the value"

    def limit(self, value: Any) -> Any:
        """Return the largest distance allowed from a golden value, or from each of an array."""
        return self.absolute + self.relative * abs(value)


@dataclass(frozen=True)
class Ranking:
    """Says that an answer lists the best of something, so that answers are compared as sets.

    Every output whose first two axes are those of ``scores`` describes the entries of the list.

    Attributes:
        scores: The output that ranks the entries, [batch, N], descending.
        count: The output that says how many of the N entries are used, [batch].
        threshold: Name of the contract's parameter below whose value nothing is listed; empty
            for none.
    """

    scores: str
    count: str
    threshold: str = ""


# What two correct kernels may make of a value of the size 1, where a contract states nothing: some
# hundred roundings of the dtype. What is not a floating-point number is equal or different.
_DEFAULT_TOLERANCES = {
    "float64": Tolerance(1e-9, 1e-9),
    "float32": Tolerance(1e-4, 1e-4),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(1e-1, 1e-1),
}


@dataclass(frozen=True)
class TensorSpec:
    """dtype and shape of one named tensor.

    Attributes:
        dtype: NumPy's name of the dtype, or ``string``.
        shape: A size per axis; -1 is "any size", a name such as ``C`` is a dimension that the
            contract binds once for all tensors. None is "rank unknown".
        axes: What each axis counts, for people.
        value_range: Lowest and highest value, both included, or None where any will do. Enforced:
            :mod:`serving_config.value_range`.
        meaning: One sentence.
        stated_tolerance: How far an answer may lie from the golden one, where the contract says
            so; :attr:`tolerance` is what counts.
    """

    dtype: str
    shape: Shape | None
    axes: tuple[str, ...] = ()
    value_range: tuple[float, float] | None = None
    meaning: str = ""
    stated_tolerance: Tolerance | None = None

    @property
    def tolerance(self) -> Tolerance:
        """The stated tolerance, or the dtype's: 1e-4 + 1e-4 of the value for float32."""
        return self.stated_tolerance or _DEFAULT_TOLERANCES.get(self.dtype, Tolerance(0.0))

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of unknown rank"
        return f"{self.dtype} [{', '.join(str(size) for size in self.shape)}]"

    def admits(self, dtype: str, shape: Sequence[int]) -> bool:
        """Tell whether a concrete tensor of this dtype and shape may be used here."""
        if dtype != self.dtype:
            return False
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want == -1 or isinstance(want, str) or want == got
            for want, got in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class Signature:
    """Named inputs and outputs of one signature key.

    Attributes:
        inputs: Input by name.
        outputs: Output by name.
        summary: One sentence.
        ranking: Which outputs list the best of something; None where they do not.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    summary: str = ""
    ranking: Ranking | None = None

    def input_differences(
        self, key: str, tensors: Mapping[str, tuple[str, Sequence[int]]]
    ) -> list[Difference]:
        """Compare the tensors of one request with this signature's inputs.

        Args:
            key: The signature key, for messages.
            tensors: dtype and concrete shape of each tensor about to be sent.

        Returns:
            The differences; empty when the request may be sent.
        """
        differences = name_differences(key, "input", self.inputs, tensors)
        for name, spec in self.inputs.items():
            if name in tensors and not spec.admits(*tensors[name]):
                dtype, shape = tensors[name]
                found = TensorSpec(dtype, tuple(shape))
                differences.append(Difference(f'{key} input "{name}"', str(spec), str(found)))
        return differences


def signatures_from_proto(signature_defs: Mapping[str, Any]) -> dict[str, Signature]:
    """Read the signatures out of a map of ``SignatureDef`` messages.

    Works on messages from any copy of TensorFlow's protos (a SavedModel's meta graph, or the
    ``SignatureDefMap`` of a GetModelMetadata answer).

    Args:
        signature_defs: ``SignatureDef`` by signature key.

    Returns:
        Signature by key, without TensorFlow's initialisation entry.
    """
    return {
        key: Signature(
            inputs={name: _spec_from_info(info) for name, info in sorted(defs.inputs.items())},
            outputs={name: _spec_from_info(info) for name, info in sorted(defs.outputs.items())},
        )
        for key, defs in sorted(signature_defs.items())
        if key != _INIT_OP_KEY
    }


def _spec_from_info(info: Any) -> TensorSpec:
    dtype = DTYPE_OF_ENUM.get(info.dtype, f"DataType({info.dtype})")
    if info.tensor_shape.unknown_rank:
        return TensorSpec(dtype, None)
    return TensorSpec(dtype, tuple(int(dim.size) for dim in info.tensor_shape.dim))
