"""Write ``BASE/1``: signatures that a wrong rank ends the process through, and some it does not.

Runs in a process of its own, since the tests' process never imports TensorFlow. ``classify`` and
``regress`` take ``tf.Example`` messages, each through a placeholder of its own, as exports of
TensorFlow 2 do.
"""

import sys

import tensorflow as tf

IMAGES = tf.TensorSpec([None, 8, 8, 4], tf.float32, name="x")
EXAMPLES = tf.TensorSpec([None], tf.string, name="inputs")


class Networks(tf.Module):
    """Small functions with weights of one."""

    def __init__(self) -> None:
        """Create the weights."""
        super().__init__()
        self.kernel = tf.Variable(tf.ones([3, 3, 4, 2]))

    def convolve(self, x):
        """Return the mean of a convolution with bias and activation, which are fused."""
        y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, self.kernel, 1, "SAME"), tf.ones([2])))
        return {"y": tf.reduce_mean(y, [1, 2, 3])}

    @tf.function(input_signature=[IMAGES])
    def convolution(self, x):
        """Convolve the input itself."""
        return self.convolve(x)

    @tf.function(input_signature=[IMAGES])
    def in_a_branch(self, x):
        """Convolve inside a branch that depends on a value."""
        return {
            "y": tf.cond(
                tf.reduce_sum(x) > 0,
                lambda: self.convolve(x)["y"],
                lambda: tf.zeros([tf.shape(x)[0]]),
            )
        }

    @tf.function(input_signature=[IMAGES])
    def in_a_loop(self, x):
        """Convolve what went round a loop."""
        _, x = tf.while_loop(lambda n, _: n < 2, lambda n, x: (n + 1, x * 2.0), (0, x))
        return self.convolve(x)

    @tf.function(input_signature=[IMAGES])
    def resized(self, x):
        """Convolve what was resized, which refuses every other rank."""
        return self.convolve(tf.image.resize(x, [8, 8]))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def dense(self, x):
        """Multiply matrices."""
        return {"y": tf.matmul(x, tf.ones([4, 1]))}

    def features(self, inputs):
        """Return the feature ``x`` of examples, as [-1, 1]."""
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    @tf.function(input_signature=[EXAMPLES])
    def classify(self, inputs):
        """Return two classes, the score of the second x."""
        x = self.features(inputs)
        classes = tf.repeat(tf.constant([["no", "yes"]]), tf.shape(x)[0], 0)
        return {"classes": classes, "scores": tf.concat([1.0 - x, x], 1)}

    @tf.function(input_signature=[EXAMPLES])
    def regress(self, inputs):
        """Return 10 x."""
        return {"outputs": self.features(inputs) * 10.0}


def main() -> None:
    """Write the model."""
    networks = Networks()
    names = "convolution", "in_a_branch", "in_a_loop", "resized", "dense", "classify", "regress"
    tf.saved_model.save(
        networks, f"{sys.argv[1]}/1", signatures={name: getattr(networks, name) for name in names}
    )


if __name__ == "__main__":
    main()
