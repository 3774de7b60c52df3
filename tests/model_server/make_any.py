"""Write ``BASE/<model>/1`` for models that are not of images: ``python make_any.py BASE``.

Runs in a process of its own, since the tests' process never imports TensorFlow. Each answers what
one can compute by hand. ``any/<model>.json`` beside this file is each one's contract.

- ``sentiment``: text in, class names and scores out.
- ``points``: numbers in, class names and scores out.
- ``ranker``: several inputs, scalars among them, a named dimension, a scalar out.
- ``doubler``: tensors of unknown rank.
- ``kinds``: a signature for each of several dtypes.
- ``scaler``: an input with a default value.
"""

import sys
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

CLASSES = ("negative", "neutral", "positive")
KINDS = (tf.int64, tf.int32, tf.uint8, tf.bool, tf.float16, tf.bfloat16, tf.float64)
DEFAULT_FACTOR = 2.0


def classified(numbers: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the class names for each row, and 1.0 for that of its number modulo 3."""
    scores = tf.one_hot(tf.math.floormod(numbers, len(CLASSES)), len(CLASSES))
    labels = tf.tile([CLASSES], [tf.shape(numbers)[0], 1])
    return {"scores": scores, "labels": tf.ensure_shape(labels, [None, len(CLASSES)])}


class Sentiment(tf.Module):
    """Classifies text by how many words it has."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serving_default(self, text):
        """Return labels and scores."""
        return classified(tf.cast(tf.strings.split(text).row_lengths(), tf.int32))


class Points(tf.Module):
    """Classifies points by the sum of their coordinates."""

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="point")])
    def serving_default(self, point):
        """Return labels and scores."""
        return classified(tf.cast(tf.reduce_sum(point, 1), tf.int32))


class Ranker(tf.Module):
    """Scores items: weight * their features' sum where they are wanted, else 0."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.int64, name="items"),
            tf.TensorSpec([None], tf.bool, name="wanted"),
            tf.TensorSpec([], tf.float32, name="weight"),
        ]
    )
    def serving_default(self, items, wanted, weight):
        """Return the scores [-1], the best item's features [2] and how many are wanted []."""
        sums = tf.cast(tf.reduce_sum(items, 1), tf.float32)
        scores = tf.where(wanted, weight * sums, 0.0)
        best = tf.gather(items, tf.argmax(scores))
        count = tf.reduce_sum(tf.cast(wanted, tf.int32))
        return {"scores": scores, "best": tf.ensure_shape(best, [2]), "count": count}


class Doubler(tf.Module):
    """Doubles a tensor of any rank."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def serving_default(self, x):
        """Return y = 2 x."""
        return {"y": 2.0 * x}


class Kinds(tf.Module):
    """Gives back what it gets, in a signature for each dtype."""

    def signatures(self):
        """Return the function of each signature, by key."""
        return {kind.name: self._identity(kind) for kind in KINDS}

    def _identity(self, kind):
        @tf.function(input_signature=[tf.TensorSpec([None], kind, name="x")])
        def identity(x):
            return {"y": tf.identity(x)}

        return identity


class Scaler(tf.Module):
    """Scales numbers."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([], tf.float32, name="factor"),
        ]
    )
    def serving_default(self, x, factor):
        """Return y = factor * x."""
        return {"y": factor * x}


def write_default(version: Path, name: str, value: float) -> None:
    """Give an input of the default signature a value that requests may leave out."""
    file = version / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    defaults = model.meta_graphs[0].signature_def["serving_default"].defaults
    defaults[name].CopyFrom(tf.make_tensor_proto(value))
    file.write_bytes(model.SerializeToString())


def main() -> None:
    """Write every model."""
    base = Path(sys.argv[1])
    for module in (Sentiment(), Points(), Ranker(), Doubler(), Scaler()):
        name = type(module).__name__.lower()
        signatures = {"serving_default": module.serving_default}
        tf.saved_model.save(module, str(base / name / "1"), signatures=signatures)
    kinds = Kinds()
    tf.saved_model.save(kinds, str(base / "kinds" / "1"), signatures=kinds.signatures())
    write_default(base / "scaler" / "1", "factor", DEFAULT_FACTOR)


if __name__ == "__main__":
    main()
