"""Signatures: named tensors with dtype and shape, as a contract states or a model declares them.

Standard library only, like :mod:`signature_contract.contract`, which holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from signature_contract.difference import Difference, name_differences
from signature_contract.tensor_values import of_message, shown

_INIT_OP_KEY = "__saved_model_init_op"  # TensorFlow's own entry in a signature map, no signature

# The numbers of DataType in tensorflow/core/framework/types.proto, in its order.
DTYPE_OF_ENUM: Mapping[int, str] = dict(
    enumerate(
        (
            *("float32", "float64", "int32", "uint8", "int16", "int8", "string", "complex64"),
            *("int64", "bool", "qint8", "quint8", "qint32", "bfloat16", "qint16", "quint16"),
            *("uint16", "complex128", "float16", "resource", "variant", "uint32", "uint64"),
            *("float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz"),
            *("float8_e5m2fnuz", "int4", "uint4", "int2", "uint2", "float4_e2m1fn"),
        ),
        start=1,
    )
)
"""NumPy's name by TensorFlow's DataType number; TensorFlow's own where NumPy has none."""

WITHOUT_RANGE = frozenset(("string", "bool", "complex64", "complex128", "resource", "variant"))
"""dtypes whose values are not ordered, or have no values at all."""

CLASSES_DIMENSION = "C"
"""The dimension that counts the classes: column i of such an axis belongs to the i-th name."""

Size = int | str
Shape = tuple[Size, ...]

Default = Any
"""Value of an input that a request may leave out: nested tuples of numbers, booleans and texts as
JSON holds them (see :mod:`signature_contract.tensor_values`); None for none."""


@dataclass(frozen=True)
class Tolerance:
    """How far apart two correct answers may lie: ``absolute + relative * |golden value|``.

    docs/tolerances.md has the measurements behind the numbers of our contracts.

    Attributes:
        absolute: In the output's own unit, at least 0.
        relative: Share of the golden value, at least 0.
        unknown: What a later version of the format says of it, kept as it was read.
    """

    absolute: float
    relative: float = 0.0
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)

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
        count: The output that says how many of the N entries are used, [batch]; empty where all
            are.
        threshold: Name of the contract's parameter below whose value nothing is listed; empty
            for none.
        unknown: What a later version of the format says of it, kept as it was read.
    """

    scores: str
    count: str = ""
    threshold: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        text = f"a list by {self.scores}"
        text += f", of {self.count} entries" if self.count else ""
        return text + (f", above {self.threshold}" if self.threshold else "")


# What two correct kernels may make of a value of the size 1, where a contract states nothing: some
# hundred roundings of the dtype. What is not a floating-point number is equal or different.
_DEFAULT_TOLERANCES = {
    "float64": Tolerance(1e-9, 1e-9),
    "complex128": Tolerance(1e-9, 1e-9),
    "float32": Tolerance(1e-4, 1e-4),
    "complex64": Tolerance(1e-4, 1e-4),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(1e-1, 1e-1),
}


@dataclass(frozen=True)
class TensorSpec:
    """dtype and shape of one named tensor.

    Attributes:
        dtype: NumPy's name of the dtype, TensorFlow's (``bfloat16``, ``qint8``) where NumPy has
            none, or ``string``.
        shape: A size per axis; -1 is "any size", a name such as ``C`` is a dimension that the
            contract binds once for all tensors. None is "rank unknown".
        axes: What each axis counts, for people.
        value_range: Lowest and highest value, both included, or None where any will do. Enforced:
            :mod:`signature_contract.value_range`.
        meaning: One sentence.
        stated_tolerance: How far an answer may lie from the golden one, where the contract says
            so; :attr:`tolerance` is what counts.
        default: Value of an input that a request may leave out; None where it may not.
        unknown: What a later version of the format says of the tensor, kept as it was read.
    """

    dtype: str
    shape: Shape | None
    axes: tuple[str, ...] = ()
    value_range: tuple[float, float] | None = None
    meaning: str = ""
    stated_tolerance: Tolerance | None = None
    default: Default = field(default=None, hash=False)
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def has_default(self) -> bool:
        """Whether a request may leave this input out."""
        return self.default is not None

    @property
    def default_text(self) -> str:
        """The default value, for messages."""
        return f"the default {shown(self.default)}" if self.has_default else "no default"

    @property
    def tolerance(self) -> Tolerance:
        """The stated tolerance, or the dtype's: 1e-4 + 1e-4 of the value for float32."""
        return self.stated_tolerance or _DEFAULT_TOLERANCES.get(self.dtype, Tolerance(0.0))

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of unknown rank"
        return f"{self.dtype} [{', '.join(str(size) for size in self.shape)}]"

    def resolve(self, bound: Mapping[str, int]) -> TensorSpec:
        """Replace each bound dimension's name in the shape by its size."""
        if self.shape is None:
            return self
        sizes = (bound.get(size, size) if isinstance(size, str) else size for size in self.shape)
        return replace(self, shape=tuple(sizes))

    def admits(self, dtype: str, shape: Sequence[int]) -> bool:
        """Tell whether a concrete tensor of this dtype and shape may be used here."""
        return dtype == self.dtype and self.binds(shape, {})

    def binds(self, shape: Sequence[int], sizes: dict[str, int]) -> bool:
        """Tell whether a concrete tensor of this shape may be used here, beside others.

        Args:
            shape: The tensor's.
            sizes: Size of each named dimension that is known. The first tensor that has a
                dimension, and may be used, binds it for those that follow: its size is added.
        """
        if self.shape is None:
            return True
        if len(shape) != len(self.shape):
            return False
        named: dict[str, int] = {}
        for want, got in zip(self.shape, shape, strict=True):
            if isinstance(want, str):
                want = sizes.get(want, named.setdefault(want, got))
            if want not in (-1, got):
                return False
        sizes.update((name, size) for name, size in named.items() if name not in sizes)
        return True


@dataclass(frozen=True)
class Signature:
    """Named inputs and outputs of one signature key.

    Attributes:
        inputs: Input by name.
        outputs: Output by name.
        summary: One sentence.
        ranking: Which outputs list the best of something; None where they do not.
        unknown: What a later version of the format says of the signature, kept as it was read.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    summary: str = ""
    ranking: Ranking | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def can_be_named(self) -> bool:
        """Whether a contract can state it: it answers something, and its dtypes are known."""
        specs = (*self.inputs.values(), *self.outputs.values())
        return bool(self.outputs) and all(spec.dtype in DTYPE_OF_ENUM.values() for spec in specs)

    def input_differences(
        self,
        key: str,
        tensors: Mapping[str, tuple[str, Sequence[int]]],
        sizes: dict[str, int] | None = None,
    ) -> list[Difference]:
        """Compare the tensors of one request with this signature's inputs.

        Args:
            key: The signature key, for messages.
            tensors: dtype and concrete shape of each tensor about to be sent.
            sizes: Size of each named dimension that is known; those that the request binds are
                added.

        Returns:
            The differences; empty when the request may be sent.
        """
        optional = [name for name, spec in self.inputs.items() if spec.has_default]
        differences = name_differences(key, "input", self.inputs, tensors, optional)
        sizes = {} if sizes is None else sizes
        for name, spec in self.inputs.items():
            if name not in tensors:
                continue
            dtype, shape = tensors[name]
            if dtype != spec.dtype or not spec.binds(shape, sizes):
                expected, found = spec.resolve(sizes), TensorSpec(dtype, tuple(shape))
                rule = "input-shape" if dtype == spec.dtype else "input-dtype"
                where = f'{key} input "{name}"'
                differences.append(Difference(rule, where, str(expected), str(found)))
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
            inputs={
                name: _spec_from_info(info, defs.defaults.get(name))
                for name, info in sorted(defs.inputs.items())
            },
            outputs={name: _spec_from_info(info) for name, info in sorted(defs.outputs.items())},
        )
        for key, defs in sorted(signature_defs.items())
        if key != _INIT_OP_KEY
    }


def _spec_from_info(info: Any, default: Any = None) -> TensorSpec:
    dtype = DTYPE_OF_ENUM.get(info.dtype, f"DataType({info.dtype})")
    known = not info.tensor_shape.unknown_rank
    shape = tuple(int(dim.size) for dim in info.tensor_shape.dim) if known else None
    return TensorSpec(dtype, shape, default=None if default is None else of_message(default))
