"""What Classify, Regress and MultiInference share: signatures that read ``tf.Example`` messages.

They need signatures of a special form; on any other they answer TensorFlow Serving's own error, and
its checks are in its order (``classifier.cc``, ``regressor.cc``, ``multi_inference.cc``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import protos
from model_server.api.rules import SignatureRules
from model_server.errors import invalid_argument
from model_server.runtimes.arrays import Array
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import DEFAULT_SIGNATURE, Signature, TensorInfo

RunTensors = Callable[[Mapping[str, Array], Sequence[str]], list[Array]]
"""Values by tensor name, names of tensors; returns a value per name."""

INPUTS = "inputs"
"""The alias of the input that takes serialized examples."""


@dataclass(frozen=True)
class Task:
    """One signature to evaluate: what it fetches and how the answer is built from that.

    Attributes:
        signature: The signature.
        outputs: The aliases of the outputs it fetches.
        build: Makes the answer of values by output alias and the number of examples.
    """

    signature: Signature
    outputs: tuple[str, ...]
    build: Callable[[dict[str, Array], int], Any]

    def fetched(self) -> dict[str, TensorInfo]:
        """Return the outputs by alias."""
        return {name: self.signature.outputs[name] for name in self.outputs}


def find_examples_signature(model: LoadedModel, key: str) -> Signature:
    """Return the signature of this key; empty means ``serving_default``.

    Raises:
        ServingError: INVALID_ARGUMENT when there is none.
    """
    signature = model.signatures.get(key or DEFAULT_SIGNATURE)
    if signature is None:
        raise invalid_argument(f"No signature was found with the name: {key or DEFAULT_SIGNATURE}")
    return signature


def check_examples_signature(
    signature: Signature, kind: str, method: str, rules: SignatureRules
) -> None:
    """Refuse a signature of another method, where the rules ask for it, or with several inputs.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    found = signature.definition.method_name
    if rules.check_method_name and found != method:
        raise invalid_argument(
            f"Expected {kind} signature method_name to be {method}. Was: {found}"
        )
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")


def run_tasks(run: RunTensors, tasks: list[Task], message: Any) -> tuple[list[Any], int]:
    """Feed the examples to every input there is, fetch every output there is, all in one run.

    Args:
        run: Runs the model.
        tasks: What to evaluate.
        message: The request's ``Input``.

    Returns:
        The answer of each task, and the number of examples.

    Raises:
        ServingError: INVALID_ARGUMENT without examples, else what the model or a task says.
    """
    examples = _serialized_examples(message)
    if not examples:
        raise invalid_argument("Input is empty.")
    batch = np.empty(len(examples), object)
    batch[:] = examples
    inputs = {task.signature.inputs[INPUTS].tensor_name for task in tasks}
    outputs = sorted({info.tensor_name for task in tasks for info in task.fetched().values()})
    values = dict(zip(outputs, run(dict.fromkeys(sorted(inputs), batch), outputs), strict=True))
    answers = [
        task.build(
            {name: values[info.tensor_name] for name, info in task.fetched().items()}, len(examples)
        )
        for task in tasks
    ]
    return answers, len(examples)


def _serialized_examples(message: Any) -> list[bytes]:
    kind = message.WhichOneof("kind")
    if kind == "example_list":
        return [example.SerializeToString() for example in message.example_list.examples]
    if kind == "example_list_with_context":
        merged = []
        for example in message.example_list_with_context.examples:
            whole = protos.Example()
            whole.CopyFrom(message.example_list_with_context.context)
            whole.MergeFrom(example)
            merged.append(whole.SerializeToString())
        return merged
    return []
