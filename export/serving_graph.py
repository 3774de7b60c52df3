"""Turn a trained network into a SavedModel that any TensorFlow runtime can serve.

The graph is frozen (variables become constants: same outputs, faster, nothing to lose or to fail to
initialise), keeps one copy of the network for both signatures, and checks its own input: a tensor
that contradicts the signature is answered INVALID_ARGUMENT before it can reach a convolution, where
under oneDNN it would abort the whole server (neither TensorFlow Serving nor the session compares a
request's shapes with the signature).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from export import images

Tensors = Mapping[str, tf.Tensor]
Network = Callable[[tf.Tensor], Tensors]


def write_image_model(
    path: Path, network: Network, image_size: int, class_names: tuple[str, ...]
) -> None:
    """Write a classifier's SavedModel with ``serving_default`` and ``serving_bytes``.

    Args:
        path: Directory to write; made if missing.
        network: Takes float32 [batch, image_size, image_size, 3], RGB 0 to 255, and returns
            ``probabilities`` and ``logits``, float32 [batch, len(class_names)]. Its variables are
            frozen into the graph.
        image_size: Side of the square that the network takes.
        class_names: Names in column order, for the output ``classes``.
    """
    frozen = freeze(network, tf.TensorSpec([None, image_size, image_size, 3], tf.float32))

    def answer(resized: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(frozen(resized))
        row = tf.constant([class_names], tf.string)
        outputs["classes"] = tf.tile(row, [tf.shape(resized)[0], 1])
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

    pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")
    files = tf.TensorSpec([None], tf.string, "image_bytes")
    tf.saved_model.save(
        tf.Module(),
        str(path),
        signatures={
            "serving_default": tf.function(serving_default).get_concrete_function(pixels),
            "serving_bytes": tf.function(serving_bytes).get_concrete_function(files),
        },
        # Nobody trains a served graph, and swish's gradient would not survive the freezing.
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )


def freeze(network: Network, spec: tf.TensorSpec) -> Callable[[tf.Tensor], Tensors]:
    """Trace ``network`` on one input and replace its variables by constants.

    Args:
        network: Function of one tensor that returns tensors by name.
        spec: The input's dtype and shape.

    Returns:
        A function with the same names, to be called inside a ``tf.function``.
    """
    concrete = tf.function(network, input_signature=[spec]).get_concrete_function()
    constants = convert_variables_to_constants_v2(concrete)
    # The conversion keeps the flat outputs' order, which is that of the sorted names.
    names = sorted(concrete.structured_outputs)

    def call(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, constants(x), strict=True))

    return call


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
    return _require(
        ok,
        "input_tensor must be uint8 [batch, height, width, 3], RGB, every axis at least 1",
        shape,
        input_tensor,
    )


def check_batch(image_bytes: tf.Tensor) -> tf.Tensor:
    """Refuse anything but a vector of at least one encoded image."""
    shape = tf.raw_ops.Shape(input=image_bytes)
    ok = tf.equal(tf.raw_ops.Size(input=shape), 1) & tf.reduce_all(shape >= 1)
    text = "image_bytes must be a vector of at least one whole JPEG or PNG file"
    return _require(ok, text, shape, image_bytes)


def _require(ok: tf.Tensor, text: str, shape: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """Pass ``tensor`` on, after an assertion that no optimisation removes."""
    check = tf.debugging.Assert(ok, [f"{text}; received shape", shape], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(tensor)
