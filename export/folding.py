"""Fold BatchNormalization into the convolutions before it, for inference.

A frozen graph is folded anyway: every runtime's optimiser multiplies the constants of a convolution
and its normalisation together, in float32 and each in its own way, and on trained weights the
logits move by some 1e-5. Folding once, in float64, before the golden vectors are made, leaves
nothing for the optimisers to do: all runtimes compute the same thing, and a little faster.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, Any]


def fold_batch_norm(model: Any) -> Any:
    """Return a copy of a functional model with its batch normalisations folded.

    Args:
        model: A functional ``keras.Model``. It is not changed.

    Returns:
        A model of the same inputs and outputs for inference only. Each BatchNormalization whose
        only input is a convolution that nothing else reads has become part of it; others stay.
    """
    folded = _foldable(model)
    norms = {norm.name for norm in folded.values()}

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in folded:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in norms else layer(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if layer.name in folded:
            copy.get_layer(layer.name).set_weights(_folded_weights(layer, folded[layer.name]))
        elif layer.weights and layer.name not in norms:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _foldable(model: Any) -> dict[str, Any]:
    """Map a convolution's name to the batch normalisation that alone reads it."""
    readers: dict[str, list[Any]] = {}
    for layer in model.layers:
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        for tensor in tensors:
            readers.setdefault(tensor._keras_history.operation.name, []).append(layer)
    return {
        layer.name: readers[layer.name][0]
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        and layer.activation is keras.activations.linear
        and [type(reader) for reader in readers.get(layer.name, [])]
        == [keras.layers.BatchNormalization]
    }


def _folded_weights(convolution: Any, norm: Any) -> list[Array]:
    """Return kernel and bias such that convolution alone gives what both gave."""
    kernel, *bias = (w.astype(np.float64) for w in convolution.get_weights())
    values = {v.name: np.asarray(v, np.float64) for v in norm.weights}
    scale = values.get("gamma", 1.0) / np.sqrt(values["moving_variance"] + norm.epsilon)
    shift = values.get("beta", 0.0) + (sum(bias) - values["moving_mean"]) * scale
    depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    by_output = scale.reshape(kernel.shape[2:]) if depthwise else scale
    return [(kernel * by_output).astype(np.float32), shift.astype(np.float32)]
