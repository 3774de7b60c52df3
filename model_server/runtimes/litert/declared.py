"""The signatures of a TFLite file, as TensorFlow Serving's ``tflite_session.cc`` reads them.

That is not what the file's own table of signatures says, which it does not look at: either the
metadata ``signature_defs_metadata`` holds ``SignatureDef`` messages, or one ``serving_default``
is made of the graph's inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from flatbuffers import flexbuffers

from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.signatures import DEFAULT_SIGNATURE, PREDICT_METHOD
from protos import SignatureDef, TensorInfo
from signature_contract.declared.tflite import SIGNATURES_METADATA, read_metadata
from signature_contract.signature import DTYPE_OF_ENUM

_ENUM_OF_DTYPE = {name: number for number, name in DTYPE_OF_ENUM.items()}

Details = Sequence[Mapping[str, Any]]
"""What an interpreter tells of its inputs or its outputs."""


def read_signatures(file: bytes, inputs: Details, outputs: Details) -> dict[str, SignatureDef]:
    """Read the signatures of a file.

    Args:
        file: The whole file.
        inputs: The graph's inputs, as its interpreter tells them.
        outputs: The graph's outputs.

    Returns:
        Message by key; the tensors' names are those that the graph has.

    Raises:
        ServingError: INVALID_ARGUMENT, the metadata cannot be read; INTERNAL, a signature names a
            tensor that the graph has not.
    """
    messages = _stated(file)
    if not messages:
        return {DEFAULT_SIGNATURE: _made(inputs, outputs)}
    names = {"input": {one["name"] for one in inputs}, "output": {one["name"] for one in outputs}}
    for message in messages.values():
        for role, tensors in (("input", message.inputs), ("output", message.outputs)):
            for alias, info in tensors.items():
                info.name = _known(info.name, role, alias, names[role])
    return messages


def _stated(file: bytes) -> dict[str, SignatureDef]:
    try:
        metadata = read_metadata(file, SIGNATURES_METADATA)
        if metadata is None:
            return {}
        entries = flexbuffers.GetRoot(metadata).AsMap
        return {
            key.AsKey: SignatureDef.FromString(value.AsStringBytes)
            for key, value in zip(entries.Keys, entries.Values, strict=True)
        }
    except Exception as err:  # a file of any origin
        raise invalid_argument(f"Invalid SignatureDefs found in TfLite model: {err}") from err


def _made(inputs: Details, outputs: Details) -> SignatureDef:
    message = SignatureDef(method_name=PREDICT_METHOD)
    for details, infos in ((inputs, message.inputs), (outputs, message.outputs)):
        for one in details:
            dtype = np.dtype(one["dtype"]).name
            dtype = "string" if dtype.startswith("bytes") else dtype
            info = tensor_info(one["name"], dtype, one["shape"])
            infos[_without_index(one["name"])].CopyFrom(info)
    return message


def tensor_info(name: str, dtype: str, shape: Iterable[int]) -> TensorInfo:
    """Describe a tensor as a signature does.

    Args:
        name: In the graph.
        dtype: NumPy's name of the dtype, or ``string``.
        shape: Size per axis, -1 for any.
    """
    info = TensorInfo(name=name, dtype=_ENUM_OF_DTYPE[dtype])
    info.tensor_shape.SetInParent()  # a scalar has a shape too, an empty one
    for size in shape:
        info.tensor_shape.dim.add().size = int(size)
    return info


def _known(name: str, role: str, alias: str, names: set[str]) -> str:
    """Return a tensor's name as the graph has it; old converters left the index out."""
    for form in (name, _without_index(name)):
        if form in names:
            return form
    raise ServingError(
        grpc.StatusCode.INTERNAL,
        f"Signature {role} {alias} references an unknown tensor: Unknown tensor '{name}'.",
    )


def _without_index(name: str) -> str:
    return name.partition(":")[0]
