"""Turn a trained network into a SavedModel that any TensorFlow runtime can serve.

The graph keeps one copy of the network for both signatures. A small network's weights are constants
(same outputs, faster, nothing to lose or to fail to initialise); a large one's are variables, since
a session keeps each constant about ten times over.

It checks its own input: a tensor that contradicts the signature is answered INVALID_ARGUMENT before
it can reach a convolution, where under oneDNN it would abort the whole server (neither TensorFlow
Serving nor the session compares a request's shapes with the signature).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from export import images
from serving_config import refusals
from serving_config.tensor_names import (
    CLASSES,
    IMAGE_BYTES,
    INPUT_TENSOR,
    SERVING_BYTES,
    SERVING_DEFAULT,
)

Tensors = Mapping[str, tf.Tensor]
Network = Callable[[tf.Tensor], Tensors]

MOST_CONSTANT_BYTES = 32 * 2**20
"""Weights of more bytes are variables.

Constants are faster (by a quarter for MobileNetV2, by a twentieth for YOLOv3-tiny, which lies just
above), since kernels keep them in the order they like; for the same reason they cost ten to thirty
times their size in memory (``benchmarks/serving_memory.py``; docs/serving.md has the figures).
"""


def write_image_model(
    path: Path,
    network: Network,
    image_size: int,
    class_names: tuple[str, ...],
    most_constant_bytes: int = MOST_CONSTANT_BYTES,
) -> None:
    """Write a classifier's SavedModel with ``serving_default`` and ``serving_bytes``.

    Args:
        path: Directory to write; made if missing.
        network: Takes float32 [batch, image_size, image_size, 3], RGB 0 to 255, and returns
            ``probabilities`` and ``logits``, float32 [batch, len(class_names)].
        image_size: Side of the square that the network takes.
        class_names: Names in column order, for the output ``classes``.
        most_constant_bytes: Weights of more bytes are kept as variables.
    """
    spec = tf.TensorSpec([None, image_size, image_size, 3], tf.float32)
    root, traced = trace(network, spec, most_constant_bytes)

    def answer(resized: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(traced(resized))
        row = tf.constant([class_names], tf.string)
        outputs[CLASSES] = tf.tile(row, [tf.shape(resized)[0], 1])
        return outputs

    def serving_default(input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(images.resize(check_pixels(input_tensor), image_size))

    def serving_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        resized = tf.map_fn(
            lambda item: images.resize(images.decode(item), image_size),
            check_batch(image_bytes),
            fn_output_signature=tf.TensorSpec([image_size, image_size, 3], tf.float32),
        )
        return answer(resized)

    pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, INPUT_TENSOR)
    files = tf.TensorSpec([None], tf.string, IMAGE_BYTES)
    signatures = {
        SERVING_DEFAULT: tf.function(serving_default).get_concrete_function(pixels),
        SERVING_BYTES: tf.function(serving_bytes).get_concrete_function(files),
    }
    save(path, root, signatures)


def trace(
    network: Network, spec: tf.TensorSpec, most_constant_bytes: int = MOST_CONSTANT_BYTES
) -> tuple[tf.Module, Callable[[tf.Tensor], Tensors]]:
    """Trace ``network`` on one input, its weights constants or variables.

    Args:
        network: Function of one tensor that returns tensors by name.
        spec: The input's dtype and shape.
        most_constant_bytes: Weights of more bytes stay variables.

    Returns:
        What to save the signatures with: a module that holds the variables, if there are any. And a
        function with the network's names, to be called inside a ``tf.function``.
    """
    concrete = tf.function(network, input_signature=[spec]).get_concrete_function()
    root = tf.Module()
    if sum(_bytes(variable) for variable in concrete.variables) > most_constant_bytes:
        # The session loader finds variables by name, and only those that hang on a module as what
        # they are: a Keras model there shows well and does not run.
        root.weights = list(concrete.variables)
        call = concrete
    else:
        call = convert_variables_to_constants_v2(concrete)
    # Both keep the flat outputs' order, which is that of the sorted names.
    names = sorted(concrete.structured_outputs)

    def traced(x: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = call(x)
        return dict(outputs) if call is concrete else dict(zip(names, outputs, strict=True))

    return root, traced


def save(path: Path, root: tf.Module, signatures: Mapping[str, Any]) -> None:
    """Write a SavedModel.

    Args:
        path: Directory to write; made if missing.
        root: The module of :func:`trace`.
        signatures: Concrete function by signature key.
    """
    # Nobody trains a served graph, and swish's gradient would not survive the freezing.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(root, str(path), signatures=dict(signatures), options=options)


def _bytes(variable: Any) -> int:
    return int(variable.shape.num_elements() * variable.dtype.size)


def check_pixels(input_tensor: tf.Tensor) -> tf.Tensor:
    """Refuse anything but uint8 [batch, height, width, 3] without an empty axis.

    Shape and rank are read by raw ops: the Python API would answer them from the static shape, the
    assertion would be folded away, and a wrong tensor would get through.
    """
    shape = tf.raw_ops.Shape(input=input_tensor)
    rank_is_4 = tf.equal(tf.raw_ops.Size(input=shape), 4)
    # slice() with begin 3 of a shorter vector would itself fail, with a text nobody understands.
    padded = tf.concat([shape, [0, 0, 0, 0]], axis=0)
    ok = rank_is_4 & tf.equal(padded[3], 3) & tf.reduce_all(padded[:3] >= 1)
    return _require(ok, refusals.PIXELS, shape, input_tensor)


def check_batch(image_bytes: tf.Tensor) -> tf.Tensor:
    """Refuse anything but a vector of at least one encoded image."""
    shape = tf.raw_ops.Shape(input=image_bytes)
    ok = tf.equal(tf.raw_ops.Size(input=shape), 1) & tf.reduce_all(shape >= 1)
    return _require(ok, refusals.FILES, shape, image_bytes)


def _require(ok: tf.Tensor, text: str, shape: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """Pass ``tensor`` on, after an assertion that no optimisation removes."""
    check = tf.debugging.Assert(ok, [text, shape], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(tensor)
