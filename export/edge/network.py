"""Cut the network out of a published version, between preprocessing and answer.

The source is the SavedModel, not ``model.keras``: it is what servers answer with, its batch
normalisations were folded in float64 before the golden vectors were made (so TFLite's converter has
nothing left to fold in its own way, and sees plain convolutions with fused activations), and a
binary head already answers both columns. A version whose Keras file no longer loads can be
converted too. What TFLite cannot carry is cut off and made again around it: the assertions on the
input's shape, the decoding of files, the strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import _run_inline_graph_optimization

from export.edge.errors import ConversionError
from serving_config.tensor_names import LOGITS, PROBABILITIES, SERVING_DEFAULT

_LARGE_BYTES = 16 * 2**10


@dataclass(frozen=True)
class FlatGraph:
    """A signature's graph without functions: what they did stands in it.

    Attributes:
        graph_def: The graph.
        outputs: Tensor name by output name.
        variables: Variable by the name of its handle's node.
        constants: What else the signature has from outside, by the name of its node.
    """

    graph_def: Any
    outputs: Mapping[str, str]
    variables: Mapping[str, tf.Variable]
    constants: Mapping[str, Any]

    def operations(self) -> list[Any]:
        """Return the graph's operations, with the shapes that can be told."""
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(self.graph_def, name="")
        return list(graph.get_operations())


class Network:
    """A piece of a flat graph: one tensor in, tensors by name out.

    Attributes:
        weights: Variable by name of the node that stands for its value. Large constants are among
            them: the converter holds a graph, and every constant in it, dozens of times, and a
            variable once or twice.
    """

    def __init__(self, flat: FlatGraph, entry: str, outputs: Mapping[str, str]) -> None:
        """Keep what ``outputs`` need of the graph, as far up as ``entry``.

        Args:
            flat: The graph; consumed.
            entry: Name of the float32 node that is replaced by the input.
            outputs: Tensor name by output name.
        """
        self._entry, self._outputs = entry, dict(outputs)
        weights = _taken_out(flat)
        self._graph_def = _between(
            flat.graph_def, entry, [name.split(":")[0] for name in outputs.values()]
        )
        needed = {node.name for node in self._graph_def.node}
        self.weights = {name: weight for name, weight in weights.items() if name in needed}

    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Put the piece into the graph that is being built.

        Args:
            x: float32, in place of the entry's first output.
        """
        tensors = tf.graph_util.import_graph_def(
            self._graph_def,
            input_map={
                f"{self._entry}:0": x,
                **{f"{name}:0": weight.read_value() for name, weight in self.weights.items()},
            },
            return_elements=list(self._outputs.values()),
            name="network",
        )
        return dict(zip(self._outputs, tensors, strict=True))


def classifier(version: Path) -> tuple[Network, int]:
    """Cut a classifier's network out, from resized pixels to probabilities and logits.

    Args:
        version: ``MODELS/classifier/<version>``.

    Returns:
        The network, of float32 [batch, side, side, 3] RGB 0 to 255, and the side in pixels.

    Raises:
        ConversionError: The graph was not made by this toolkit's exporter.
    """
    flat = _flat(version)
    resizes = [op for op in flat.operations() if op.type == "ResizeBilinear"]
    shapes = [op.outputs[0].shape.as_list() for op in resizes]
    if len(resizes) != 1 or shapes[0][1] is None or shapes[0][1] != shapes[0][2]:
        raise ConversionError(
            f"{SERVING_DEFAULT} of {version} must begin with one bilinear resize to a square, as "
            f"python -m export classifier writes it; found {shapes or 'no resize'}"
        )
    wanted = {name: flat.outputs[name] for name in (PROBABILITIES, LOGITS)}
    network = Network(flat, resizes[0].name, wanted)
    return network, int(shapes[0][1])


def detector(version: Path) -> Network:
    """Cut a detector's network out, from the letterboxed square to the suppression.

    Args:
        version: ``MODELS/detector/<version>``.

    Returns:
        The network, of float32 [batch, side, side, 3] RGB 0 to 255: ``boxes`` float32
        [batch, candidates, 1, 4] and ``scores`` float32 [batch, candidates, classes].

    Raises:
        ConversionError: The graph was not made by this toolkit's exporter.
    """
    flat = _flat(version)
    operations = flat.operations()
    borders = [op for op in operations if op.type == "PadV2" and _is_resized(op.inputs[0].op)]
    suppressions = [op for op in operations if op.type == "CombinedNonMaxSuppression"]
    if len(borders) != 1 or len(suppressions) != 1:
        raise ConversionError(
            f"{SERVING_DEFAULT} of {version} must have one letterbox and one "
            f"CombinedNonMaxSuppression, as python -m export detector writes it; found "
            f"{len(borders)} and {len(suppressions)}"
        )
    boxes, scores = list(suppressions[0].inputs)[:2]
    wanted = {"boxes": boxes.name, "scores": scores.name}
    return Network(flat, borders[0].name, wanted)


def _is_resized(operation: Any) -> bool:
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    return bool(operation.type == "ResizeBilinear")


def _flat(version: Path) -> FlatGraph:
    """Load the signature as one flat graph, its variables left what they are.

    TensorFlow's own way to such a graph makes constants of the variables first; a network of 250 MB
    took 2 GB for that.
    """
    loaded = tf.saved_model.load(str(version))
    if SERVING_DEFAULT not in loaded.signatures:
        raise ConversionError(
            f"{version} has no signature {SERVING_DEFAULT!r}; it has {', '.join(loaded.signatures)}"
        )
    function = loaded.signatures[SERVING_DEFAULT]
    graph_def = _run_inline_graph_optimization(
        function, lower_control_flow=True, aggressive_inlining=False
    )
    by_handle = {id(variable.handle): variable for variable in function.graph.variables}
    variables = {
        node.op.name: by_handle[id(handle)]
        for handle, node in function.graph.captures
        if id(handle) in by_handle
    }
    constants = {
        node.op.name: value.numpy()
        for value, node in function.graph.captures
        if value.dtype != tf.resource
    }
    names = sorted(function.structured_outputs)
    ends = [tensor.name for tensor in function.outputs]
    return FlatGraph(graph_def, dict(zip(names, ends, strict=True)), variables, constants)


def _taken_out(flat: FlatGraph) -> dict[str, tf.Variable]:
    """Make placeholders of a graph's large constants and of the values that it reads.

    Args:
        flat: The graph; changed.

    Returns:
        What each placeholder stands for, by its name.
    """
    nodes = {node.name: node for node in flat.graph_def.node}
    weights = {}
    for node in flat.graph_def.node:
        if node.name in flat.constants:
            value = flat.constants[node.name]
            weights[node.name] = tf.Variable(value, trainable=False, name=node.name)
        elif node.op == "Const" and node.attr["value"].ByteSize() > _LARGE_BYTES:
            value = tf.make_ndarray(node.attr["value"].tensor)
            weights[node.name] = tf.Variable(value, trainable=False, name=node.name)
            del node.attr["value"]
        elif node.op == "ReadVariableOp":
            handle = node.input[0]
            while nodes[handle].op == "Identity":  # where a function's argument was
                handle = nodes[handle].input[0]
            weights[node.name] = flat.variables[handle]
            del node.input[:]
            node.attr.clear()
            node.attr["dtype"].type = weights[node.name].dtype.as_datatype_enum
        else:
            continue
        node.op = "Placeholder"
    return weights


def _between(graph_def: Any, entry: str, ends: list[str]) -> Any:
    """Return the nodes that ``ends`` need, ``entry`` a placeholder, order dependencies dropped.

    Only assertions hang on order dependencies, and TFLite has no assertions.
    """
    nodes = {node.name: node for node in graph_def.node}
    needed: dict[str, None] = {}
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed[name] = None
        node = nodes[name]
        data = [] if name == entry else [i for i in node.input if not i.startswith("^")]
        del node.input[:]
        node.input.extend(data)
        waiting += [i.split(":")[0] for i in data]
    if entry not in needed:
        raise ConversionError(f"the outputs do not depend on the node {entry!r}")
    nodes[entry].op = "Placeholder"
    nodes[entry].attr.clear()
    nodes[entry].attr["dtype"].type = tf.float32.as_datatype_enum
    piece = tf.compat.v1.GraphDef(versions=graph_def.versions)
    piece.node.extend(node for node in graph_def.node if node.name in needed)
    return piece
