"""Write the toy model of the conformance corpus: ``python make_toy.py BASE VERSION...``.

Runs in a process of its own, since the tests' process never imports TensorFlow. With ``--scale``
the versions tell themselves apart, y = x / 2 + 2 * version, and keep that offset in a variable.
"""

import argparse

import tensorflow as tf


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


def main() -> None:
    """Write every version asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("versions", nargs="+", type=int)
    parser.add_argument("--scale", action="store_true")
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


if __name__ == "__main__":
    main()
