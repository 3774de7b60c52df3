"""Write version 1 of a model that asks for XLA: ``python make_compiled.py BASE``.

Its y is x / 2 + 2, as the toy's. Runs in a process of its own.
"""

import sys

import tensorflow as tf


class Compiled(tf.Module):
    """One signature around a function that must be compiled."""

    @tf.function(jit_compile=True)
    def halve(self, x):
        """Return x / 2 + 2."""
        return x / 2 + 2

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(self, x):
        """Return y."""
        return {"y": self.halve(x)}


if __name__ == "__main__":
    model = Compiled()
    tf.saved_model.save(model, f"{sys.argv[1]}/1", signatures={"serving_default": model.serve})
