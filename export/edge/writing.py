"""Write the TFLite files of a published version: what of its graph, with what around it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import images
from export.edge import conversion, network
from serving_config.detections import BOXES, SCORES, SQUARE, letterbox
from serving_config.tensor_names import INPUT_TENSOR
from signature_contract.contract import Contract

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def classifier(
    version: Path, contract: Contract, forms: Sequence[str], ranges: Sequence[Path], directory: Path
) -> dict[str, Path]:
    """Convert a published classifier to every form: resize and network.

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

    def representative() -> Iterator[Mapping[str, Array]]:
        return ({INPUT_TENSOR: pixels} for pixels in _decoded(ranges))

    with tempfile.TemporaryDirectory(prefix="tflite-") as scratch:
        saved = Path(scratch)
        _save_classifier(version, saved, *contract.signatures)
        return conversion.write_forms(saved, contract, forms, representative, directory)


def _save_classifier(version: Path, saved: Path, key: str) -> None:
    piece, side = network.classifier(version)

    def answer(input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        # TFLite's resize takes no uint8 that comes out as float32; the cast itself loses nothing.
        return piece(images.resize(tf.cast(input_tensor, tf.float32), side))

    spec = tf.TensorSpec([None, None, None, 3], tf.uint8, INPUT_TENSOR)
    conversion.save(saved, key, answer, spec, piece.weights.values())


def detector(
    version: Path, contract: Contract, forms: Sequence[str], ranges: Sequence[Path], directory: Path
) -> dict[str, Path]:
    """Convert a published detector to every form: the network between letterbox and suppression.

    Arguments, result and errors are those of :func:`classifier`.
    """
    side = int(contract.parameters["image_size"])

    def representative() -> Iterator[Mapping[str, Array]]:
        return ({SQUARE: letterbox(pixels, side)} for pixels in _decoded(ranges))

    with tempfile.TemporaryDirectory(prefix="tflite-") as scratch:
        saved = Path(scratch)
        _save_detector(version, saved, side, *contract.signatures)
        return conversion.write_forms(saved, contract, forms, representative, directory)


def _save_detector(version: Path, saved: Path, side: int, key: str) -> None:
    piece = network.detector(version)

    def candidates(square_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        found = piece(square_tensor)
        # The suppression's third axis is for boxes that differ by class; these do not.
        return {BOXES: tf.squeeze(found[BOXES], axis=2), SCORES: found[SCORES]}

    spec = tf.TensorSpec([None, side, side, 3], tf.float32, SQUARE)
    conversion.save(saved, key, candidates, spec, piece.weights.values())


def _decoded(paths: Sequence[Path]) -> Iterator[Array]:
    """Yield uint8 [1, height, width, 3] of every file that can be decoded."""
    for path in paths:
        try:
            pixels = images.decode(tf.constant(path.read_bytes())).numpy()
        except (OSError, tf.errors.OpError) as err:
            log.warning("skipped %s: %s", path, str(err).splitlines()[0])
            continue
        yield pixels[None]
