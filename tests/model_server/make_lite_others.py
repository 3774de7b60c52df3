"""Write TFLite files as other people make them, one version of a model each: ``… FOLDER``.

``plain``: what TensorFlow's converter writes, without the metadata that TensorFlow Serving reads.
``texts``: text in, its first two entries out. ``both``: beside a SavedModel whose answer differs.
"""

import sys
from pathlib import Path

import tensorflow as tf


def convert(function) -> bytes:
    """Convert a concrete function."""
    return tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module()).convert()


@tf.function(input_signature=[tf.TensorSpec([1, 1], tf.float32, name="x")])
def half_plus_two(x):
    """Return x / 2 + 2."""
    return {"y": x / 2 + 2.0}


@tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
def first_two(text):
    """Return the first two entries."""
    return {"first": tf.gather(text, [0, 1])}


class Three(tf.Module):
    """Answers x / 2 + 3."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half_plus_three(self, x):
        """Return x / 2 + 3."""
        return {"y": x / 2 + 3.0}


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    plain = convert(half_plus_two.get_concrete_function())
    for name, content in {
        "plain": plain,
        "texts": convert(first_two.get_concrete_function()),
        "both": plain,
        "damaged": plain[: len(plain) // 2],
        "no_file": b"no TFLite file",
    }.items():
        version = folder / name / "1"
        version.mkdir(parents=True)
        (version / "model.tflite").write_bytes(content)
    three = Three()
    tf.saved_model.save(
        three, str(folder / "both" / "1"), signatures={"serving_default": three.half_plus_three}
    )
    (folder / "session" / "1").parent.mkdir()
    tf.saved_model.save(
        three, str(folder / "session" / "1"), signatures={"serving_default": three.half_plus_three}
    )


if __name__ == "__main__":
    main()
