"""One signature to one TFLite file, in one of three forms."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.edge import flatbuffer
from export.edge.errors import ConversionError
from export.edge.flatbuffer import Buffer
from export.giving_back import give_back
from signature_contract.contract import Contract
from signature_contract.version_files import CONTRACT_FILE

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Function = Callable[[tf.Tensor], dict[str, tf.Tensor]]

LABELS_FILE = "labels.txt"
"""Class names inside a file, one a line, for tools that know nothing of contracts."""


def save(
    path: Path,
    key: str,
    function: Function,
    spec: tf.TensorSpec,
    weights: Iterable[tf.Variable] = (),
) -> None:
    """Write a function as a SavedModel with one signature: what is converted.

    Args:
        path: Directory to write.
        key: The signature's key.
        function: Takes a tensor and returns the outputs by name.
        spec: The input's name, dtype and shape.
        weights: The variables that the function reads.
    """
    module = tf.Module()
    module.weights = list(weights)
    module.function = tf.function(function, input_signature=[spec])
    tf.saved_model.save(
        module, str(path), signatures={key: module.function.get_concrete_function()}
    )


def write_forms(
    saved: Path,
    contract: Contract,
    forms: Sequence[str],
    representative: Callable[[], Iterable[Mapping[str, Array]]],
    directory: Path,
) -> dict[str, Path]:
    """Convert one function to every form and put the contract into each file.

    Args:
        saved: The function, as :func:`save` writes it; it should not be in memory any more, where
            its weights lie several times while they are converted.
        contract: What the files take and give.
        forms: Of :data:`export.edge.arguments.FORMS`.
        representative: Makes the inputs that int8's ranges are measured on.
        directory: Where the files go.

    Returns:
        ``<form>.tflite`` by form.

    Raises:
        ConversionError: See :func:`convert`.
    """
    give_back()  # the weights that were saved
    (key,) = contract.signatures
    associated = {
        CONTRACT_FILE: contract.to_json(),
        LABELS_FILE: "".join(f"{name}\n" for name in contract.class_names),
    }
    files = {}
    for form in forms:
        log.info("converting to %s", form)
        files[form] = directory / f"{form}.tflite"
        flatbuffer.write(files[form], convert(saved, key, form, representative()), associated)
    return files


def convert(
    saved: Path, key: str, form: str, representative: Iterable[Mapping[str, Array]] = ()
) -> Buffer:
    """Convert one signature of a SavedModel to a TFLite file.

    Args:
        saved: The SavedModel.
        key: The signature's key.
        form: ``float32``: as trained. ``dynamic_range``: weights in int8, activations quantised
            while running. ``int8``: weights and activations in int8, their ranges from
            ``representative``; only the image's way in and the answer's way out are float32.
        representative: Inputs by name, for ``int8``.

    Returns:
        The file's content.

    Raises:
        ConversionError: TFLite has no such op, or ``int8`` left heavy operations in float32.
    """
    with warnings.catch_warnings():
        # The converter measures ranges with the interpreter that it tells everybody to leave.
        warnings.filterwarnings(
            "ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated"
        )
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[key])
        if form != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if form == "int8":
            converter.representative_dataset = lambda: _listed(representative)
        try:
            content: Buffer = converter.convert()
        except Exception as err:  # the converter raises its own, ValueError and RuntimeError alike
            lines = [line for line in str(err).splitlines() if line.strip()]
            cause = lines[0][:300] if lines else type(err).__name__
            raise ConversionError(f"TFLite cannot carry this graph as {form}: {cause}") from err
    if form == "int8":
        content = flatbuffer.finish_int8(content)
    return flatbuffer.add_serving_signatures(content)


def _listed(inputs: Iterable[Mapping[str, Array]]) -> Iterator[dict[str, Array]]:
    for tensors in inputs:
        yield dict(tensors)
