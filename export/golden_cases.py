"""Make the golden vectors of a version from photographs and the live Keras model.

The cases cover what breaks between runtimes: one image and several, a photograph that is wider than
high, a single pixel, black and white, JPEG and PNG, files of different sizes in one batch, and
photographs that are stored lying on their side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export import golden_images
from export.images import decode, resize
from serving_config.tensor_names import (
    CLASSES,
    IMAGE_BYTES,
    INPUT_TENSOR,
    SERVING_BYTES,
    SERVING_DEFAULT,
)
from signature_contract.golden import GoldenCase

Array = np.ndarray[Any, Any]
Answer = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]

_BATCH_HEIGHT, _BATCH_WIDTH = 96, 128

LYING = (6, 3, 8, 5)
"""Orientations of golden files: what phones write, and one that is transposed."""


def make(
    images: Sequence[Array],
    answer: Answer,
    image_size: int,
    class_names: Sequence[str],
) -> list[GoldenCase]:
    """Run the live model on a handful of requests.

    Args:
        images: What requests are made of, uint8 [height, width, 3], RGB; at least one.
        answer: The live model, from float32 [batch, image_size, image_size, 3] (RGB, 0 to 255) to
            ``probabilities`` and ``logits``.
        image_size: Side of the square that the model takes.
        class_names: Names in column order.

    Returns:
        Cases of ``serving_default`` and ``serving_bytes``; the first of each is one photograph.
    """
    batch = np.stack([golden_images.resized(p, (_BATCH_HEIGHT, _BATCH_WIDTH)) for p in images])
    extremes = np.stack([np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)])
    pixel_cases = {
        "one": images[0][None],
        "batch": batch,
        "single_pixel": images[0][:1, :1][None],
        "black_and_white": extremes,
    }
    files = [golden_images.jpeg(image) for image in images]
    png = golden_images.png(images[-1])
    file_cases = {
        "one": files[:1],
        "png": [png],
        "batch_of_sizes": [*files, png],
        "lying": [golden_images.lying_jpeg(batch[0], orientation) for orientation in LYING],
    }

    # As a graph, like Keras's own predict(): kernels then fuse as they do when served.
    graph = tf.function(answer, reduce_retracing=True)

    def outputs(resized: tf.Tensor) -> dict[str, Array]:
        values = {name: np.asarray(value) for name, value in graph(resized).items()}
        row = np.array([name.encode() for name in class_names], dtype=object)
        values[CLASSES] = np.tile(row, (len(resized), 1))
        return values

    cases = [
        GoldenCase(
            SERVING_DEFAULT,
            name,
            {INPUT_TENSOR: pixels},
            outputs(resize(tf.constant(pixels), image_size)),
        )
        for name, pixels in pixel_cases.items()
    ]
    for name, encoded in file_cases.items():
        decoded = [resize(decode(tf.constant(e)), image_size) for e in encoded]
        inputs = {IMAGE_BYTES: np.array(encoded, dtype=object)}
        cases.append(GoldenCase(SERVING_BYTES, name, inputs, outputs(tf.stack(decoded))))
    return cases
