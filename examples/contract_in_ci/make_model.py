"""Makes ``model``: a network that ranks three articles for a reader. Needs TensorFlow.

Stands for whatever training your project has.
"""

from typing import Any

import tensorflow as tf

ARTICLES = 3


class Ranker(tf.Module):
    """Scores articles by what a reader has read so far."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 4), tf.float32, "interests"),
            tf.TensorSpec((None,), tf.string, "language"),
        ]
    )
    def rank(self, interests: Any, language: Any) -> dict[str, Any]:
        """Return the probability of each article, and whether it is in the reader's language."""
        taste = tf.constant([[0.5, -1.0, 0.25], [1.0, 0.5, -0.5], [-0.25, 1.0, 0.5], [0.0, 0.5, 1]])
        languages = tf.constant(["en", "de", "en"])
        return {
            "probabilities": tf.nn.softmax(interests @ taste),
            "readable": tf.equal(language[:, None], languages[None, :]),
        }


if __name__ == "__main__":
    module = Ranker()
    tf.saved_model.save(module, "model", signatures={"rank": module.rank})
