"""What the converter leaves to be done in the TFLite file itself.

Three things: the end of an int8 graph, the signatures in the form that TensorFlow Serving reads,
and the files that travel inside.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from export.edge.errors import ConversionError
from protos import SignatureDef
from signature_contract.declared.tflite import SIGNATURES_METADATA

Buffer = bytes | memoryview
"""A file's content. Of a large network each copy counts, so it stays where it was made."""

_FILE_IDENTIFIER = b"TFL3"
# A builder that is too small doubles its size.
_ROOM_BYTES = 1 << 20
_HEAVY = {
    schema.BuiltinOperator.CONV_2D: "CONV_2D",
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: "DEPTHWISE_CONV_2D",
    schema.BuiltinOperator.FULLY_CONNECTED: "FULLY_CONNECTED",
}
_FLOAT, _UINT8 = 1, 4  # of TensorFlow's DataType
_DTYPES = {  # of our models' inputs and outputs
    schema.TensorType.FLOAT32: _FLOAT,
    schema.TensorType.UINT8: _UINT8,
}
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: same input, same bytes


def finish_int8(content: Buffer) -> Buffer:
    """Check that a file is int8 where it counts, and take its softmax back to float32.

    In int8 a softmax answers multiples of 1/256 whose rows do not sum to 1, as the contract says
    they do; it costs nothing to compute on the float32 logits that leave the graph anyway.

    Args:
        content: A TFLite file with one subgraph.

    Returns:
        The changed file.

    Raises:
        ConversionError: Convolutions or dense layers stayed in float32.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    codes = [code.builtinCode for code in model.operatorCodes]
    heavy = [op for op in graph.operators if codes[op.opcodeIndex] in _HEAVY]
    left = [
        _HEAVY[codes[op.opcodeIndex]]
        for op in heavy
        if graph.tensors[op.inputs[0]].type != schema.TensorType.INT8
    ]
    if left or not heavy:
        raise ConversionError(
            f"int8 was asked for, but {len(left)} of {len(heavy)} heavy operations stayed in "
            f"float32 ({', '.join(sorted(set(left))) or 'none found'}); use dynamic_range"
        )
    return _packed(model, len(content)) if _softmax_in_float(graph, codes) else content


def add_serving_signatures(
    content: Buffer, messages: Mapping[str, SignatureDef] | None = None
) -> Buffer:
    """Say the file's signatures once more, in the form that TensorFlow Serving reads.

    Its TFLite session (``tflite_session.cc``) does not look at the table of signatures that
    converters write; it reads ``SignatureDef`` messages by key, a FlexBuffer map in the metadata
    ``signature_defs_metadata``, and without them names everything after the graph's tensors.

    Args:
        content: A TFLite file with signatures.
        messages: Other signatures, by key; None takes the file's own.

    Returns:
        The changed file.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    messages = messages or {
        signature.signatureKey.decode(): _signature_def(signature, model.subgraphs)
        for signature in model.signatureDefs
    }
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, message in sorted(messages.items()):
            builder.Key(key)
            builder.String(_Unencoded(message.SerializeToString()))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(builder.Finish(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = SIGNATURES_METADATA, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _packed(model, len(content))


class _Unencoded:
    """Bytes that are no text, where TensorFlow Serving reads a string: FlexBuffers have both."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def encode(self, _encoding: str) -> bytes:
        return self._content


def _signature_def(signature: Any, subgraphs: Sequence[Any]) -> SignatureDef:
    tensors = subgraphs[signature.subgraphIndex].tensors
    message = SignatureDef(method_name="tensorflow/serving/predict")
    for maps, infos in ((signature.inputs, message.inputs), (signature.outputs, message.outputs)):
        for one in maps:
            tensor = tensors[one.tensorIndex]
            info = infos[one.name.decode()]
            info.name, info.dtype = tensor.name.decode(), _DTYPES[tensor.type]
            info.tensor_shape.SetInParent()
            # Where no size is open the converter writes the one shape alone.
            sizes = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
            for size in sizes:
                info.tensor_shape.dim.add().size = int(size)
    return message


def _packed(model: Any, size: int) -> Buffer:
    builder = flatbuffers.Builder(size + _ROOM_BYTES)
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return memoryview(builder.Bytes)[builder.Head() :]  # Output() would copy it


def _softmax_in_float(graph: Any, codes: list[int]) -> bool:
    """Rewire int8 → SOFTMAX → DEQUANTIZE → output to read the dequantised logits instead."""
    makes = {tensor: op for op in graph.operators for tensor in op.outputs}

    def maker(tensor: int, code: int) -> Any:
        """Return the operation of this kind that makes ``tensor``, or None."""
        op = makes.get(tensor)
        return op if op is not None and codes[op.opcodeIndex] == code else None

    changed = False
    for output in graph.outputs:
        dequantize = maker(output, schema.BuiltinOperator.DEQUANTIZE)
        softmax = dequantize and maker(dequantize.inputs[0], schema.BuiltinOperator.SOFTMAX)
        if not softmax:
            continue
        quantize = maker(softmax.inputs[0], schema.BuiltinOperator.QUANTIZE)
        logits = quantize.inputs[0] if quantize else _dequantized(graph, codes, softmax.inputs[0])
        softmax.inputs, softmax.outputs = [logits], [output]
        # Last, because the logits may be dequantised after the place where it stood.
        kept = [op for op in graph.operators if op is not dequantize and op is not softmax]
        graph.operators = [*kept, softmax]
        changed = True
    if changed:
        _drop_unread(graph)
    return changed


def _dequantized(graph: Any, codes: list[int], tensor: int) -> int:
    """Find the float32 tensor that an int8 tensor leaves the graph as."""
    for op in graph.operators:
        if codes[op.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE and op.inputs[0] == tensor:
            return int(op.outputs[0])
    raise ConversionError("int8: the logits before the softmax are no float32 output of the graph")


def _drop_unread(graph: Any) -> None:
    """Remove operations whose results nobody reads any more."""
    read = {tensor for op in graph.operators for tensor in op.inputs} | set(graph.outputs)
    graph.operators = [op for op in graph.operators if read & set(op.outputs)]


def write(path: Path, content: Buffer, associated: Mapping[str, str]) -> None:
    """Write a file with the texts that belong to it inside.

    They follow the flatbuffer as a zip archive, where TFLite's own metadata tools put associated
    files: the interpreter does not see them, ``unzip`` and ``zipfile`` do.

    Args:
        path: The file.
        content: The flatbuffer.
        associated: Text by file name.
    """
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in associated.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), text)
