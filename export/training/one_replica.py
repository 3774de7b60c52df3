"""Optimisers whose training leaves nothing in memory when it is over."""

from __future__ import annotations

from typing import Any


def of_one_replica(optimizer: Any) -> Any:
    """Have an optimiser apply gradients as they are: one replica has nothing to sum up.

    TensorFlow registers a gradient of that sum, for as long as the process lives, and with it keeps
    the step's graph, every weight that the graph names and the optimiser's own (TensorFlow 2.21,
    Keras 3.15; where Keras calls the sum otherwise, they are kept as before).

    Args:
        optimizer: Of Keras, for a model that is trained outside ``tf.distribute``'s strategies.

    Returns:
        The same optimiser.
    """
    # Not a class of ours, whose name a saved model would have in it.
    optimizer._all_reduce_sum_gradients = _as_they_are
    return optimizer


def _as_they_are(gradients_and_variables: Any) -> Any:
    return gradients_and_variables
