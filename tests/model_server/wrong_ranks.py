"""Run operations with tensors of the wrong rank: ``python wrong_ranks.py``.

Prints one JSON object: for each operation the ranks that ended the process. Each rank is tried in a
fork, after TensorFlow is imported and before it has started a thread: no operation may be built but
in the fork.
"""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

raw = tf.raw_ops
RANKS = range(7)
IMAGE, VOLUME, ROW = [None, 8, 8, 4], [None, 8, 8, 8, 4], [None, 4]


def ones(*shape: int) -> Any:
    """Return a constant tensor."""
    return tf.constant(np.ones(shape, np.float32))


def quantized(x: Any, kind: Any = tf.quint8) -> Any:
    """Return x as eight bits."""
    return raw.QuantizeV2(input=x, min_range=-1.0, max_range=1.0, T=kind)[0]


def quantized_convolution(
    operation: Callable[..., Any], per_channel: bool = False
) -> Callable[[Any], Any]:
    """Return a function that applies a quantized convolution."""

    def apply(x: Any) -> Any:
        limit = ones(2) if per_channel else 1.0
        kernel = ones(3, 3, 4, 1) if operation is raw.QuantizedDepthwiseConv2D else ones(3, 3, 4, 2)
        answer = operation(
            input=quantized(x),
            filter=quantized(kernel, tf.qint8),
            min_input=-1.0,
            max_input=1.0,
            min_filter=-limit,
            max_filter=limit,
            strides=[1, 1, 1, 1],
            padding="SAME",
        )
        return tf.bitcast(answer[0], tf.int32)

    return apply


def pool(operation: Callable[..., Any], name: str = "input", axes: int = 2) -> Any:
    """Return a function that applies a pooling operation."""
    sizes = [1, *[2] * axes, 1]
    return lambda x: operation(**{name: x}, ksize=sizes, strides=sizes, padding="SAME")


def convolution(operation: Callable[..., Any], *kernel: int) -> Any:
    """Return a function that applies a convolution."""
    strides = [1] * len(kernel)
    strides = strides if len(kernel) == 5 else [1] * 4
    return lambda x: operation(input=x, filter=ones(*kernel), strides=strides, padding="SAME")


def norm(x: Any) -> Any:
    """Apply batch normalization."""
    one = ones(4)
    return raw.FusedBatchNormV3(
        x=x, scale=one, offset=one, mean=one, variance=one, is_training=False
    )[0]


OPERATIONS: dict[str, tuple[list[int | None], Callable[[Any], Any]]] = {
    "Conv2D": (IMAGE, convolution(raw.Conv2D, 3, 3, 4, 2)),
    "DepthwiseConv2dNative": (IMAGE, convolution(raw.DepthwiseConv2dNative, 3, 3, 4, 1)),
    "Conv3D": (VOLUME, convolution(raw.Conv3D, 3, 3, 3, 4, 2)),
    "Conv2DBackpropFilter": (
        IMAGE,
        lambda x: raw.Conv2DBackpropFilter(
            input=x,
            filter_sizes=[3, 3, 4, 2],
            out_backprop=ones(1, 8, 8, 2),
            strides=[1] * 4,
            padding="SAME",
        ),
    ),
    "AvgPoolGrad": (
        IMAGE,
        lambda x: raw.AvgPoolGrad(
            orig_input_shape=[1, 16, 16, 4],
            grad=x,
            ksize=[1, 2, 2, 1],
            strides=[1, 2, 2, 1],
            padding="SAME",
        ),
    ),
    "MaxPool3D": (VOLUME, pool(raw.MaxPool3D, axes=3)),
    "QuantizedDepthwiseConv2D": (IMAGE, quantized_convolution(raw.QuantizedDepthwiseConv2D)),
    "QuantizedConv2DPerChannel": (
        IMAGE,
        quantized_convolution(raw.QuantizedConv2DPerChannel, per_channel=True),
    ),
    "QuantizedInstanceNorm": (
        IMAGE,
        lambda x: tf.bitcast(
            raw.QuantizedInstanceNorm(x=quantized(x), x_min=-1.0, x_max=1.0)[0], tf.uint8
        ),
    ),
    "LSTMBlockCell": (
        ROW,
        lambda x: raw.LSTMBlockCell(
            x=x,
            cs_prev=ones(1, 4),
            h_prev=ones(1, 4),
            w=ones(8, 16),
            wci=ones(4),
            wcf=ones(4),
            wco=ones(4),
            b=ones(16),
        )[6],
    ),
    "FakeQuantWithMinMaxVarsPerChannel": (
        IMAGE,
        lambda x: raw.FakeQuantWithMinMaxVarsPerChannel(inputs=x, min=-ones(4), max=ones(4)),
    ),
    "MaxPool": (IMAGE, pool(raw.MaxPool)),
    "AvgPool": (IMAGE, pool(raw.AvgPool, "value")),
    "AvgPool3D": (VOLUME, pool(raw.AvgPool3D, axes=3)),
    "FusedBatchNormV3": (IMAGE, norm),
    "LRN": (IMAGE, lambda x: raw.LRN(input=x)),
    "BiasAdd": (IMAGE, lambda x: raw.BiasAdd(value=x, bias=ones(4))),
    "MatMul": (ROW, lambda x: raw.MatMul(a=x, b=ones(4, 4))),
    "Softmax": (ROW, lambda x: raw.Softmax(logits=x)),
    "ResizeBilinear": (
        IMAGE,
        lambda x: raw.Conv2D(
            input=raw.ResizeBilinear(images=x, size=[8, 8]),
            filter=ones(3, 3, 4, 2),
            strides=[1] * 4,
            padding="SAME",
        ),
    ),
}


def run(declared: list[int | None], operation: Callable[[Any], Any], rank: int) -> None:
    """Run an operation on a tensor of this rank, whatever comes of it."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, declared)
        y = tf.identity(operation(x))
    whole = [2, *declared[1:]]
    shape = [1] * (rank - len(whole)) + whole[:rank]
    feed = {x._as_tf_output(): np.ones(shape, np.float32)}
    one_thread = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
    )
    try:
        session = tf.compat.v1.Session(graph=graph, config=one_thread)
        session._call_tf_sessionrun(None, feed, [y._as_tf_output()], [], None)
    except tf.errors.OpError:
        pass


def ends_the_process(declared: list[int | None], operation: Any, rank: int) -> bool:
    """Tell whether a rank ends a process with SIGABRT."""
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        run(declared, operation, rank)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT


if __name__ == "__main__":
    found = {
        name: [rank for rank in RANKS if ends_the_process(declared, operation, rank)]
        for name, (declared, operation) in OPERATIONS.items()
    }
    print(json.dumps(found))
