"""The signatures of a TFLite file, read from its flatbuffer without a TFLite library.

Numbers of fields and types are those of TensorFlow's ``schema.fbs``, which only ever adds. A
flatbuffer is a tree of tables; a table's fields are found through its vtable, and one that is
missing has its default.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract.contract import Contract
from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.signature import Signature, TensorSpec
from signature_contract.version_files import CONTRACT_FILE

IDENTIFIER = b"TFL3"
UNNAMED = "serving_default"
"""The key of the only signature of a file that was converted without any."""

_DTYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64"),
    *("int8", "float64", "complex128", "uint64", "resource", "variant", "uint32", "uint16"),
    *("int4", "bfloat16", "int2", "uint4", "float8_e4m3fn", "float8_e5m2"),
)


SIGNATURES_METADATA = "signature_defs_metadata"
"""The metadata that TensorFlow Serving reads signatures from, ``SignatureDef`` messages by key."""


class _Model:  # field numbers of schema.fbs, by table
    SUBGRAPHS, BUFFERS, METADATA, SIGNATURES = 2, 4, 6, 7


class _Metadata:
    NAME, BUFFER = 0, 1


class _Buffer:
    DATA = 0


class _Subgraph:
    TENSORS, INPUTS, OUTPUTS = 0, 1, 2


class _Tensor:
    SHAPE, TYPE, NAME, SHAPE_SIGNATURE, HAS_RANK = 0, 1, 3, 7, 8


class _Signature:
    INPUTS, OUTPUTS, KEY, SUBGRAPH = 0, 1, 2, 4


class _TensorMap:
    NAME, TENSOR = 0, 1


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._vtable = start - self._unpack("<i", start)
        self._fields = (self._unpack("<H", self._vtable) - 4) // 2

    def number(self, field: int, form: str, default: int = 0) -> int:
        place = self._place(field)
        return self._unpack(form, place) if place else default

    def text(self, field: int) -> str:
        place = self._place(field)
        if not place:
            return ""
        start = place + self._unpack("<I", place)
        size = self._unpack("<I", start)
        return self._data[start + 4 : start + 4 + size].decode("utf-8")

    def numbers(self, field: int) -> list[int] | None:
        """Return a vector of int32; None where the field is missing."""
        place = self._place(field)
        if not place:
            return None
        start, count = self._vector(place)
        return list(struct.unpack_from(f"<{count}i", self._data, start))

    def content(self, field: int) -> bytes:
        """Return a vector of bytes; none where the field is missing."""
        place = self._place(field)
        if not place:
            return b""
        start, count = self._vector(place)
        return self._data[start : start + count]

    def tables(self, field: int) -> Iterator[_Table]:
        place = self._place(field)
        if place:
            start, count = self._vector(place)
            for entry in range(start, start + 4 * count, 4):
                yield _Table(self._data, entry + self._unpack("<I", entry))

    def _vector(self, place: int) -> tuple[int, int]:
        start = place + self._unpack("<I", place)
        return start + 4, self._unpack("<I", start)

    def _place(self, field: int) -> int:
        if field >= self._fields:
            return 0
        offset = self._unpack("<H", self._vtable + 4 + 2 * field)
        return self._start + offset if offset else 0

    def _unpack(self, form: str, place: int) -> int:
        value: int
        if place < 0:
            raise ValueError("an offset leads out of the file")
        (value,) = struct.unpack_from(form, self._data, place)
        return value


def read_tflite(path: Path) -> Declaration:
    """Read what a TFLite file declares.

    A file without signatures has one, ``serving_default``, whose names are those of its tensors.

    Args:
        path: The file.

    Raises:
        TargetError: It cannot be read, or is no TFLite file.
    """
    try:
        data = path.read_bytes()
    except OSError as err:
        raise TargetError(f"{path} cannot be read: {err.strerror or err}") from err
    if data[4:8] != IDENTIFIER:
        raise TargetError(f"{path} is no TFLite file: its fifth to eighth byte are not TFL3")
    try:
        model = _Table(data, struct.unpack_from("<I", data)[0])
        graphs = list(model.tables(_Model.SUBGRAPHS))
        if not graphs:
            raise TargetError(f"{path} is damaged: it holds no graph")
        signatures = dict(
            _signature(entry, graphs) for entry in model.tables(_Model.SIGNATURES)
        ) or {UNNAMED: _unnamed(graphs[0])}
    except (struct.error, ValueError, IndexError) as err:
        raise TargetError(f"{path} is damaged: {err}") from err
    return Declaration(str(path), dict(sorted(signatures.items())), knows_defaults=False)


def carried_contract(path: Path) -> Contract:
    """Read the contract inside a TFLite file.

    Raises:
        ContractFileError: There is no such file, or none inside it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(CONTRACT_FILE).decode("utf-8")
    except (OSError, KeyError, zipfile.BadZipFile) as err:
        raise contracts.ContractFileError(
            f"{path} carries no {CONTRACT_FILE} ({err}); "
            "python -m export tflite writes files that do"
        ) from err
    return contracts.loads(text, source=f"{path}!{CONTRACT_FILE}")


def read_metadata(data: bytes, name: str) -> bytes | None:
    """Return one of the named pieces of metadata of a TFLite file.

    Args:
        data: The whole file.
        name: The metadata's name.

    Returns:
        Its content; None where the file has none of this name.

    Raises:
        struct.error, ValueError, IndexError: The file is damaged.
    """
    model = _Table(data, struct.unpack_from("<I", data)[0])
    for entry in model.tables(_Model.METADATA):
        if entry.text(_Metadata.NAME) == name:
            buffers = list(model.tables(_Model.BUFFERS))
            return buffers[entry.number(_Metadata.BUFFER, "<I")].content(_Buffer.DATA)
    return None


def _signature(entry: _Table, graphs: list[_Table]) -> tuple[str, Signature]:
    tensors = list(graphs[entry.number(_Signature.SUBGRAPH, "<I")].tables(_Subgraph.TENSORS))

    def named(field: int) -> dict[str, TensorSpec]:
        found = {
            one.text(_TensorMap.NAME): _spec(tensors[one.number(_TensorMap.TENSOR, "<I")])
            for one in entry.tables(field)
        }
        return dict(sorted(found.items()))

    key = entry.text(_Signature.KEY)
    return key, Signature(named(_Signature.INPUTS), named(_Signature.OUTPUTS))


def _unnamed(graph: _Table) -> Signature:
    tensors = list(graph.tables(_Subgraph.TENSORS))

    def named(field: int) -> dict[str, TensorSpec]:
        chosen = [tensors[index] for index in graph.numbers(field) or ()]
        return {tensor.text(_Tensor.NAME): _spec(tensor) for tensor in chosen}

    return Signature(named(_Subgraph.INPUTS), named(_Subgraph.OUTPUTS))


def _spec(tensor: _Table) -> TensorSpec:
    number = tensor.number(_Tensor.TYPE, "<b")
    dtype = _DTYPES[number] if 0 <= number < len(_DTYPES) else f"TensorType({number})"
    # shape is what the converter took; shape_signature, where there is one, has the open sizes.
    shape = tensor.numbers(_Tensor.SHAPE_SIGNATURE) or tensor.numbers(_Tensor.SHAPE)
    if not shape and not tensor.number(_Tensor.HAS_RANK, "<b"):
        return TensorSpec(dtype, None)
    return TensorSpec(dtype, tuple(shape or ()))
