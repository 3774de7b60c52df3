"""Write the toy model of the conformance corpus: ``python make_toy.py BASE VERSION...``.

Runs in a process of its own, since the tests' process never imports TensorFlow. With ``--scale``
the versions tell themselves apart, y = x / 2 + 2 * version, and keep that offset in a variable.
With ``--warmup ROWS`` each has one warm-up request of so many rows.
"""

import argparse
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


class Toy(tf.Module):
    """Three signatures whose answers one can compute by hand."""

    def __init__(self, offset: "float | tf.Variable") -> None:
        """Create a toy whose y is x / 2 + offset."""
        super().__init__()
        self.offset = offset

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def halve(self, x):
        """Return y = x / 2 + offset."""
        return {"y": x / 2 + self.offset}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int64, name="b"),
        ]
    )
    def weighted_sum(self, a, b):
        """Return total = sum(a, axis 1) * b, and b."""
        return {"total": tf.reduce_sum(a, 1) * tf.cast(b, tf.float32), "count": tf.identity(b)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def length(self, text):
        """Return the lengths in bytes."""
        return {"length": tf.strings.length(text)}


def write_warmup(version: Path, rows: int) -> None:
    """Write a warm-up request of ``rows`` rows for the default signature."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "toy"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([0.0] * rows))
    folder = version / "assets.extra"
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())


def main() -> None:
    """Write every version asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("versions", nargs="+", type=int)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--warmup", type=int, default=0)
    arguments = parser.parse_args()
    for version in arguments.versions:
        toy = Toy(tf.Variable(2.0 * version) if arguments.scale else 2.0)
        tf.saved_model.save(
            toy,
            f"{arguments.base}/{version}",
            signatures={
                "serving_default": toy.halve,
                "weighted_sum": toy.weighted_sum,
                "length": toy.length,
            },
        )
        if arguments.warmup:
            write_warmup(Path(arguments.base) / str(version), arguments.warmup)


if __name__ == "__main__":
    main()
