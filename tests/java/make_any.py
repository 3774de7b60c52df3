"""Write a SavedModel that is no image model: ``python make_any.py FOLDER``.

Its signatures take what models of other people take: text, several inputs, scalars, an unknown
rank, every dtype that TensorFlow Java has, one that it has not, and an input with a default value.
Runs in a process of its own, since the tests' process never imports TensorFlow.
"""

import sys

import tensorflow as tf


class Any(tf.Module):
    """Signatures whose answers one can compute by hand."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, name="text")])
    def words(self, text):
        """Return each text in capitals, and its length in bytes."""
        return {"upper": tf.strings.upper(text), "length": tf.strings.length(text)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int64, name="b"),
            tf.TensorSpec([], tf.bool, name="negate"),
            tf.TensorSpec([], tf.float64, name="scale"),
        ]
    )
    def several(self, a, b, negate, scale):
        """Return sum(a, axis 1) * b * scale, negative where asked; all rows as one scalar."""
        rows = tf.cast(tf.reduce_sum(a, 1), tf.float64) * tf.cast(b, tf.float64) * scale
        rows = tf.where(negate, -rows, rows)
        return {"rows": rows, "total": tf.reduce_sum(rows)}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def any_rank(self, x):
        """Return x / 2, of its own rank, twice."""
        y = x / 2
        return {"y": y, "same": y}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], dtype, name=dtype.name)
            for dtype in (
                *(tf.float16, tf.bfloat16, tf.float32, tf.float64),
                *(tf.uint8, tf.uint16, tf.int32, tf.int64, tf.bool, tf.string),
            )
        ]
    )
    def echo(self, *tensors):
        """Return each input as it came."""
        return {f"{one.dtype.name}_too": tf.identity(one) for one in tensors}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int8, name="x")])
    def narrow(self, x):
        """Return x + 1 of a dtype that TensorFlow Java lacks."""
        return {"y": x + tf.constant(1, tf.int8)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([2], tf.float32, name="weights"),
        ]
    )
    def weighted(self, x, weights):
        """Return x * weights[0] + weights[1]."""
        return {"y": x * weights[0] + weights[1]}


def main() -> None:
    """Save it, and give the last signature its default."""
    folder = sys.argv[1]
    model = Any()
    names = ("words", "several", "any_rank", "echo", "narrow")
    signatures = {name: getattr(model, name) for name in names}
    tf.saved_model.save(model, folder, signatures={"serving_default": model.weighted, **signatures})
    from tensorflow.core.protobuf import saved_model_pb2

    file = f"{folder}/saved_model.pb"
    with tf.io.gfile.GFile(file, "rb") as stored:
        saved_model = saved_model_pb2.SavedModel.FromString(stored.read())
    (graph,) = saved_model.meta_graphs
    default = graph.signature_def["serving_default"].defaults["weights"]
    default.CopyFrom(tf.make_tensor_proto([2.0, 0.5]))
    with tf.io.gfile.GFile(file, "wb") as stored:
        stored.write(saved_model.SerializeToString())


if __name__ == "__main__":
    main()
