"""Which signatures a tensor of the wrong rank could end the process through.

TensorFlow Serving never compares shapes with the signature, and mostly need not: an operation that
gets a tensor of the wrong rank answers INVALID_ARGUMENT. A few kernels check with an assertion that
aborts the process instead. So a graph is followed from a signature's inputs: when one of them
reaches such a kernel, its shapes have to be compared before anything runs.

A resize on the way makes it safe. It refuses every rank but its own, with an error, and what comes
out of it has that rank; graph optimisation does not remove it, not even where it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Found by running each operation on TensorFlow 2.21 (x86-64, oneDNN on) in a process of its own,
# its input declared with the right rank and fed every rank from 0 to 7 in several sizes. The ranks
# are those that end the process by SIGABRT: tensor_format.h "Invalid index from the dimension" for
# the convolutions (float32 and bfloat16; with TF_ENABLE_ONEDNN_OPTS=0 they answer an error),
# tensor_shape.cc for the others.
#
#   Conv2D, DepthwiseConv2dNative, Conv3D                      0, 1, 2, 3
#   with bias, activation or batch norm fused into them        0, 1, 2, 3
#   QuantizedConv2D... with bias, relu, per channel; depthwise 0, 1, 2, 3
#   Conv2DBackpropFilter, AvgPoolGrad                          0, 1, 2, 3 (AvgPoolGrad also 4)
#   MaxPool3D                                                  4
#   QuantizedInstanceNorm                                      all but 4
#   LSTMBlockCell                                              0, 1
#   FakeQuantWithMinMaxVarsPerChannel                          0
#
# The same run found that these answer an error and live: MaxPool, MaxPoolV2, AvgPool, AvgPool3D,
# MaxPoolWithArgmax, FractionalMaxPool, FusedBatchNorm (V1 to V3, also with an activation), LRN,
# BiasAdd, Softmax, MatMul and BatchMatMul (fused ones too), Conv2DBackpropInput,
# Conv3DBackpropInputV2, Conv (the generic one), Dilation2D, QuantizedConv2D (the plain one),
# QuantizedMaxPool, QuantizedAvgPool, QuantizedMatMul, the resizes, pads, reductions, and eighty
# more. Optimisation makes the fused ones of the plain ones, so both are named.
ABORTS = frozenset(
    {
        "AvgPoolGrad",
        "Conv2D",
        "Conv2DBackpropFilter",
        "Conv3D",
        "DepthwiseConv2dNative",
        "FakeQuantWithMinMaxVarsPerChannel",
        "LSTMBlockCell",
        "MaxPool3D",
        "QuantizedDepthwiseConv2D",
        "QuantizedInstanceNorm",
        "_FusedConv2D",
        "_FusedConv3D",
        "_FusedDepthwiseConv2dNative",
    }
)
# With bias, relu, sum, requantization, per channel: all that oneDNN runs. The plain one is not its.
_ABORTING_FAMILIES = ("QuantizedConv2D", "QuantizedDepthwiseConv2D", "_FusedQuantizedConv")
_LIVES = "QuantizedConv2D"

RANK_GUARDS = frozenset(
    {
        "CropAndResize",
        "ResizeArea",
        "ResizeBicubic",
        "ResizeBilinear",
        "ResizeNearestNeighbor",
        "ScaleAndTranslate",
    }
)

# Operations that call functions: the attributes that name them, and how many of their first inputs
# are no arguments of the function. A loop's results are its arguments again.
_CALLS: Mapping[str, tuple[tuple[str, ...], int, bool]] = {
    "PartitionedCall": (("f",), 0, False),
    "StatefulPartitionedCall": (("f",), 0, False),
    "BatchFunction": (("f",), 0, False),
    "If": (("then_branch", "else_branch"), 1, False),
    "StatelessIf": (("then_branch", "else_branch"), 1, False),
    "Case": (("branches",), 1, False),
    "StatelessCase": (("branches",), 1, False),
    "While": (("cond", "body"), 0, True),
    "StatelessWhile": (("cond", "body"), 0, True),
}

# Results of a node: all of them, or the numbered ones of a call.
_ALL = -1
_Tensor = tuple[str, int]


def aborts(operation: str) -> bool:
    """Tell whether a kernel of this operation ends the process on a wrong rank."""
    return operation in ABORTS or (operation.startswith(_ABORTING_FAMILIES) and operation != _LIVES)


class RankHazards:
    """Answers for one graph which inputs reach an aborting kernel. Not thread-safe."""

    def __init__(self, graph_def: Any) -> None:
        """Look at a ``GraphDef``; it is not kept."""
        self._nodes: dict[str, Any] = {node.name: node for node in graph_def.node}
        self._functions = {
            function.signature.name: function for function in graph_def.library.function
        }
        self._known: dict[tuple[str, frozenset[int]], tuple[frozenset[str], frozenset[int]]] = {}

    def reached(self, inputs: Iterable[str], outputs: Iterable[str]) -> frozenset[str]:
        """Return the aborting operations that a signature's inputs reach.

        Args:
            inputs: Names of the tensors fed, ``operation:index``.
            outputs: Names of the tensors fetched; what they do not need does not run.

        Returns:
            Operation types; empty when no rank can end the process.
        """
        fed = {_graph_tensor(name)[0] for name in inputs}
        needed = self._needed(fed, [_graph_tensor(name)[0] for name in outputs])
        found, _ = self._follow(
            [self._nodes[name] for name in needed if name not in fed],
            {(name, _ALL) for name in fed},
            _graph_tensor,
        )
        return found

    def _needed(self, fed: set[str], fetched: list[str]) -> list[str]:
        pending, seen = list(fetched), set(fetched)
        while pending:
            name = pending.pop()
            node = self._nodes.get(name)
            if node is None or name in fed:
                continue
            for source in node.input:
                before = _graph_tensor(source.removeprefix("^"))[0]
                if before not in seen:
                    seen.add(before)
                    pending.append(before)
        return [name for name in seen if name in self._nodes]

    def _follow(
        self, nodes: list[Any], touched: set[_Tensor], parse: Any
    ) -> tuple[frozenset[str], set[_Tensor]]:
        """Spread from the touched tensors over nodes in any order, until nothing changes."""
        found: set[str] = set()
        readers: dict[str, list[Any]] = {}
        for node in nodes:
            for source in node.input:
                if not source.startswith("^"):
                    readers.setdefault(parse(source)[0], []).append(node)
        pending = [node for name, _ in touched for node in readers.get(name, [])]
        while pending:
            node = pending.pop()
            arguments = frozenset(
                position
                for position, source in enumerate(node.input)
                if not source.startswith("^") and _is_touched(parse(source), touched)
            )
            if not arguments or node.op in RANK_GUARDS:
                continue
            if aborts(node.op):
                found.add(node.op)
            inside, results = self._call(node, arguments)
            found |= inside
            new = {(node.name, result) for result in results} - touched
            if new:
                touched |= new
                pending += readers.get(node.name, [])
        return frozenset(found), touched

    def _call(self, node: Any, arguments: frozenset[int]) -> tuple[frozenset[str], frozenset[int]]:
        """Return what a node's functions contain, and which of its results are touched."""
        shape = _CALLS.get(node.op)
        if shape is None:
            # Of an operation with functions that is not known here, all arguments count.
            names = [node.op, *_function_names(node)]
            reached = [self._function(name, None)[0] for name in names]
            return frozenset().union(*reached), frozenset({_ALL})
        attributes, skipped, is_loop = shape
        found: frozenset[str] = frozenset()
        results: frozenset[int] = frozenset()
        touched = frozenset(number - skipped for number in arguments if number >= skipped)
        while True:
            for attribute in attributes:
                if attribute not in node.attr:
                    continue
                for name in _attribute_names(node.attr[attribute]):
                    inside, outside = self._function(name, touched)
                    found |= inside
                    if attribute != "cond":
                        results |= outside
            if not is_loop or results <= touched:
                return found, results | (touched if is_loop else frozenset())
            touched |= results

    def _function(
        self, name: str, arguments: frozenset[int] | None
    ) -> tuple[frozenset[str], frozenset[int]]:
        """Return the aborting operations inside a function, and the numbers of touched results."""
        function = self._functions.get(name)
        if function is None:
            return frozenset(), frozenset()
        parameters = [argument.name for argument in function.signature.input_arg]
        if arguments is None:
            arguments = frozenset(range(len(parameters)))
        key = (name, arguments)
        if key not in self._known:
            self._known[key] = frozenset(), frozenset()  # a recursive call adds nothing new
            touched = {(parameters[n], _ALL) for n in arguments if n < len(parameters)}
            found, touched = self._follow(list(function.node_def), touched, _function_tensor)
            results = frozenset(
                number
                for number, result in enumerate(function.signature.output_arg)
                if _is_touched(_function_tensor(function.ret[result.name]), touched)
            )
            self._known[key] = found, results
        return self._known[key]


def _is_touched(tensor: _Tensor, touched: set[_Tensor]) -> bool:
    return tensor in touched or (tensor[0], _ALL) in touched


def _graph_tensor(name: str) -> _Tensor:
    operation, _, index = name.partition(":")
    return operation, int(index or 0)


def _function_tensor(name: str) -> _Tensor:
    """Read ``argument`` or ``node:result:index``; calls have one result, a list."""
    parts = name.split(":")
    return parts[0], int(parts[2]) if len(parts) == 3 else 0


def _attribute_names(value: Any) -> list[str]:
    return [value.func.name] if value.HasField("func") else [f.name for f in value.list.func]


def _function_names(node: Any) -> list[str]:
    return [name for value in node.attr.values() for name in _attribute_names(value) if name]
