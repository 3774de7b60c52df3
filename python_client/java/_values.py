"""NumPy arrays and the client's answers, to and from the Java client's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from python_client._answers.classification import Classification
from python_client._answers.detections import Box, Detection, Detections
from python_client._requests.images import Batch
from python_client.tensors import Array
from signature_contract.contract import Difference

T = TypeVar("T")


def java_bytes(content: bytes) -> Any:
    """Return a Java ``byte[]`` with a copy of some bytes."""
    import jpype

    return jpype.JArray(jpype.JByte)(content)


def ask_batch(
    batch: Batch, of_files: Callable[..., Any], of_pixels: Callable[..., Any]
) -> list[Any]:
    """Hand one batch to Java; return its answers, one an image.

    Args:
        batch: Files, or uint8 pixels [batch, height, width, 3].
        of_files: Java's method for a list of files.
        of_pixels: Java's method for RGB bytes, count, height and width.
    """
    import jpype

    if batch.kind == "encoded":
        files = jpype.java.util.ArrayList([java_bytes(file) for file in batch.tensor])
        return list(of_files(files))
    count, height, width, _ = batch.tensor.shape
    return list(of_pixels(java_bytes(batch.tensor.tobytes()), count, height, width))


def classification_of(answer: Any) -> Classification:
    """Read a Java ``Classification``."""
    return Classification(
        label=str(answer.label()),
        probability=float(answer.probability()),
        probabilities=_by_class(answer.probabilities()),
        logits=_by_class(answer.logits()),
        version=version_of(answer.version()),
    )


def detections_of(answer: Any, min_score: float) -> Detections:
    """Read Java ``Detections``, without those below a score."""
    found = (_detection(one) for one in answer)
    return Detections(
        tuple(one for one in found if one.score >= min_score), version_of(answer.version())
    )


def version_of(optional: Any) -> int | None:
    """Read a Java ``OptionalLong``."""
    return int(optional.getAsLong()) if optional.isPresent() else None


def differences_of(found: Any) -> tuple[Difference, ...]:
    """Read a list of Java's ``Difference``."""
    return tuple(
        Difference(
            str(one.rule()),
            str(one.where()),
            str(one.expected()),
            str(one.found()),
            tuple(map(str, one.available())),
        )
        for one in found
    )


def tensor_values(arrays: Mapping[str, Array], dtypes: Mapping[str, str], of: Any) -> Any:
    """Return a Java map of ``TensorValue``.

    Args:
        arrays: Array by name; text as an object array of ``bytes``, bfloat16 as float32.
        dtypes: dtype by name, where it is not the array's.
        of: The class ``TensorValue``.
    """
    import jpype

    values = jpype.java.util.LinkedHashMap()
    for name, array in arrays.items():
        values.put(name, _tensor_value(array, dtypes.get(name, array.dtype.name), of))
    return values


def _tensor_value(array: Array, dtype: str, of: Any) -> Any:
    import jpype

    if array.dtype == object:
        texts = [java_bytes(text) for text in array.flat]
        return of.of(jpype.JArray(jpype.JArray(jpype.JByte))(texts), *array.shape)
    if dtype == "bfloat16":
        floats = jpype.JArray(jpype.JFloat)(np.ascontiguousarray(array, np.float32).ravel())
        return of.of(dtype, floats, list(array.shape))
    content = jpype.java.nio.ByteBuffer.wrap(java_bytes(array.tobytes()))
    return of.ofContent(dtype, content, *array.shape)


def arrays_of(values: Any) -> dict[str, Array]:
    """Read a Java map of ``TensorValue``; text as ``bytes``, bfloat16 as float32."""
    return {str(one.getKey()): _array(one.getValue()) for one in values.entrySet()}


def _array(value: Any) -> Array:
    shape = tuple(map(int, value.shape()))
    dtype = str(value.dtype())
    if dtype == "string":
        array = np.empty(value.size(), dtype=object)
        array[:] = [bytes(text) for text in value.byteStrings()]
        return array.reshape(shape)
    if dtype == "bfloat16":
        return np.array(value.floats(), np.float32).reshape(shape)
    content = bytes(value.content().array())
    return np.frombuffer(content, dtype).reshape(shape)


def _detection(one: Any) -> Detection:
    box = one.box()
    edges = (float(edge) for edge in (box.ymin(), box.xmin(), box.ymax(), box.xmax()))
    return Detection(str(one.label()), int(one.classId()), float(one.score()), Box(*edges))


def _by_class(values: Any) -> dict[str, float]:
    return {str(entry.getKey()): float(entry.getValue()) for entry in values.entrySet()}
