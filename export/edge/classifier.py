"""Write a classifier's TFLite files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import images
from export.edge import conversion, edge_contract, flatbuffer, network
from serving_config import contract as contracts
from serving_config.contract import Contract

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

LABELS_FILE = "labels.txt"
"""Class names inside a file, one a line, for tools that know nothing of contracts."""


def write(
    version: Path, contract: Contract, forms: Sequence[str], ranges: Sequence[Path], directory: Path
) -> dict[str, Path]:
    """Convert a published classifier to every form.

    Args:
        version: ``MODELS/classifier/<version>``.
        contract: What the files keep of its contract; a copy goes into each.
        forms: Of :data:`export.edge.arguments.FORMS`.
        ranges: Photographs that int8's ranges are measured on.
        directory: Where the files go.

    Returns:
        ``<form>.tflite`` by form.

    Raises:
        ConversionError: TFLite cannot carry the graph in one of the forms.
    """
    piece, side = network.classifier(version)

    def answer(input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        # TFLite's resize takes no uint8 that comes out as float32; the cast itself loses nothing.
        return piece(images.resize(tf.cast(input_tensor, tf.float32), side))

    spec = tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")
    associated = {
        contracts.PUBLISHED_FILE: contract.to_json(),
        LABELS_FILE: "".join(f"{name}\n" for name in contract.class_names),
    }
    files = {}
    for form in forms:
        log.info("converting to %s", form)
        content = conversion.convert(
            edge_contract.CLASSIFIER_SIGNATURE, answer, spec, form, _decoded(ranges)
        )
        files[form] = directory / f"{form}.tflite"
        flatbuffer.write(files[form], content, associated)
    return files


def _decoded(paths: Sequence[Path]) -> Iterator[Mapping[str, Array]]:
    for path in paths:
        try:
            pixels = images.decode(tf.constant(path.read_bytes())).numpy()
        except (OSError, tf.errors.OpError) as err:
            log.warning("skipped %s: %s", path, str(err).splitlines()[0])
            continue
        yield {"input_tensor": pixels[None]}
