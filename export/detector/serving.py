"""Turn a trained detector into a SavedModel: from a file's bytes to boxes in that file's image.

Decoding, letterbox, normalising, non-maximum suppression and the way back to the original image's
coordinates are all in the graph, in standard ops, so that no caller can get one of them wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from export import images, serving_graph
from export.detector.letterbox import letterbox, to_original
from export.detector.model import Detector
from export.detector.suppression import Suppression, suppress
from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    IMAGE_BYTES,
    INPUT_TENSOR,
    NUM_DETECTIONS,
    SERVING_BYTES,
    SERVING_DEFAULT,
)


class ServingGraph:
    """The two signatures as functions, for writing and for computing golden vectors."""

    def __init__(
        self, network: serving_graph.Network, image_size: int, limits: Suppression
    ) -> None:
        """Keep the parts.

        Args:
            network: Letterboxed pixels to ``boxes`` and ``scores``, as
                :meth:`export.detector.model.Detector.candidates`.
            image_size: Side of the network's square in pixels.
            limits: Thresholds and the number of detections.
        """
        self._network, self._image_size, self._limits = network, image_size, limits

    def serving_default(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect in decoded images of one size.

        Args:
            input_tensor: uint8 [batch, height, width, 3], RGB.

        Returns:
            The contract's outputs.
        """
        pixels = serving_graph.check_pixels(input_tensor)
        shape = tf.shape(pixels)
        sizes = tf.tile(shape[None, 1:3], [shape[0], 1])
        return self._answer(letterbox(pixels, self._image_size), sizes)

    def serving_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect in encoded images, each of its own size.

        Args:
            image_bytes: string [batch], whole JPEG or PNG files.

        Returns:
            The contract's outputs.
        """
        side = self._image_size

        def load(item: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            pixels = images.decode(item)
            return letterbox(pixels, side), tf.shape(pixels)[:2]

        squares, sizes = tf.map_fn(
            load,
            serving_graph.check_batch(image_bytes),
            fn_output_signature=(
                tf.TensorSpec([side, side, 3], tf.float32),
                tf.TensorSpec([2], tf.int32),
            ),
        )
        return self._answer(squares, sizes)

    def _answer(self, squares: tf.Tensor, sizes: tf.Tensor) -> dict[str, tf.Tensor]:
        found = self._network(squares)
        boxes, scores, classes, count = suppress(found["boxes"], found["scores"], self._limits)
        real = tf.sequence_mask(count, self._limits.max_detections)
        original = to_original(boxes, sizes[:, 0], sizes[:, 1], self._image_size)
        return {
            # Moving zeros back from the square would not leave them zeros.
            DETECTION_BOXES: tf.where(real[..., None], original, 0.0),
            DETECTION_SCORES: scores,
            DETECTION_CLASSES: tf.cast(tf.where(real, classes + 1, 0), tf.float32),
            NUM_DETECTIONS: tf.cast(count, tf.float32),
        }


def live(detector: Detector, limits: Suppression) -> ServingGraph:
    """Return the signatures over the live Keras model."""
    return ServingGraph(detector.candidates, detector.grid.image_size, limits)


def write(
    path: Path,
    detector: Detector,
    limits: Suppression,
    most_constant_bytes: int = serving_graph.MOST_CONSTANT_BYTES,
) -> None:
    """Write the SavedModel, with one copy of the network for both signatures.

    Args:
        path: Directory to write; made if missing.
        detector: The trained detector.
        limits: Thresholds and the number of detections.
        most_constant_bytes: Weights of more bytes are kept as variables.
    """
    side = detector.grid.image_size
    spec = tf.TensorSpec([None, side, side, 3], tf.float32)
    root, traced = serving_graph.trace(detector.candidates, spec, most_constant_bytes)
    graph = ServingGraph(traced, side, limits)
    pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, INPUT_TENSOR)
    files = tf.TensorSpec([None], tf.string, IMAGE_BYTES)
    signatures: dict[str, Any] = {
        SERVING_DEFAULT: tf.function(graph.serving_default).get_concrete_function(pixels),
        SERVING_BYTES: tf.function(graph.serving_bytes).get_concrete_function(files),
    }
    serving_graph.save(path, root, signatures)
