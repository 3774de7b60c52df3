"""Classify, Regress and MultiInference: calls that send ``tf.Example`` messages.

They need signatures of a special form; on any other they answer TensorFlow Serving's own error, and
its checks are in its order (``classifier.cc``, ``regressor.cc``, ``multi_inference.cc``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

import protos
from model_server.api.predict import CLASSIFY_METHOD, REGRESS_METHOD, PredictRules
from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.arrays import Array, shape_text, type_name
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import DEFAULT_SIGNATURE, Signature, TensorInfo

Run = Callable[[Mapping[str, Array], Sequence[str]], list[Array]]
"""Values by tensor name, names of tensors; returns a value per name."""

_INPUTS = "inputs"
_CLASSES, _SCORES, _OUTPUTS = "classes", "scores", "outputs"


@dataclass(frozen=True)
class _Task:
    """One signature to evaluate: what it fetches and how the answer is built from that."""

    signature: Signature
    outputs: tuple[str, ...]
    build: Callable[[dict[str, Array], int], Any]

    def fetched(self) -> dict[str, TensorInfo]:
        """Return the outputs by alias."""
        return {name: self.signature.outputs[name] for name in self.outputs}


def classify(model: LoadedModel, request: Any, rules: PredictRules, run: Run) -> Any:
    """Answer a ``ClassificationRequest`` with a ``ClassificationResult``.

    Raises:
        ServingError: With TensorFlow Serving's code and text.
    """
    signature = _signature(model, request.model_spec.signature_name)
    task = _classification(signature, rules)
    return _run(run, [task], request.input)[0][0]


def regress(model: LoadedModel, request: Any, rules: PredictRules, run: Run) -> Any:
    """Answer a ``RegressionRequest`` with a ``RegressionResult``.

    Raises:
        ServingError: With TensorFlow Serving's code and text.
    """
    signature = _signature(model, request.model_spec.signature_name)
    task = _regression(signature, rules)
    return _run(run, [task], request.input)[0][0]


def infer_all(model: LoadedModel, request: Any, rules: PredictRules, run: Run) -> tuple[Any, int]:
    """Answer a ``MultiInferenceRequest``.

    The tasks run as one. An export of TensorFlow 2 has a placeholder for each signature, which are
    all fed with the same examples.

    Args:
        model: The model.
        request: The message.
        rules: How strict to be.
        run: Runs the model.

    Returns:
        A ``MultiInferenceResponse`` without model specs, and the number of examples.

    Raises:
        ServingError: With TensorFlow Serving's code and text.
    """
    names: list[str] = []
    tasks: list[_Task] = []
    model_name = ""
    for asked in request.tasks:
        if not asked.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if model_name and model_name != asked.model_spec.name:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        model_name = asked.model_spec.name
        key = asked.model_spec.signature_name or DEFAULT_SIGNATURE
        if key in names:
            raise invalid_argument(f"Duplicate evaluation of signature: {key}")
        names.append(key)
        signature = model.signatures.get(key)
        if signature is None:
            raise invalid_argument(f"Requested signature not found in model graph: {key}")
        if asked.method_name == CLASSIFY_METHOD:
            tasks.append(_classification(signature, rules))
        elif asked.method_name == REGRESS_METHOD:
            tasks.append(_regression(signature, rules))
        else:
            raise ServingError(
                grpc.StatusCode.UNIMPLEMENTED,
                f"Unsupported signature method_name: {asked.method_name}",
            )
    answers, count = _run(run, tasks, request.input)
    response = protos.MultiInferenceResponse()
    for asked, answer in zip(request.tasks, answers, strict=True):
        result = response.results.add()
        if asked.method_name == CLASSIFY_METHOD:
            result.classification_result.CopyFrom(answer)
        else:
            result.regression_result.CopyFrom(answer)
    return response, count


def _signature(model: LoadedModel, key: str) -> Signature:
    signature = model.signatures.get(key or DEFAULT_SIGNATURE)
    if signature is None:
        raise invalid_argument(f"No signature was found with the name: {key or DEFAULT_SIGNATURE}")
    return signature


def _check_method(signature: Signature, kind: str, method: str, rules: PredictRules) -> None:
    found = signature.definition.method_name
    if rules.check_method_name and found != method:
        raise invalid_argument(
            f"Expected {kind} signature method_name to be {method}. Was: {found}"
        )
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")


def _classification(signature: Signature, rules: PredictRules) -> _Task:
    _check_method(signature, "classification", CLASSIFY_METHOD, rules)
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    if _INPUTS not in signature.inputs:
        raise invalid_argument(
            f"No classification inputs found in SignatureDef: {signature.definition}"
        )
    outputs = tuple(name for name in (_CLASSES, _SCORES) if name in signature.outputs)
    if not outputs:
        raise invalid_argument(
            'Expected classification signature outputs to contain at least one of "classes" or '
            f'"scores". Signature was: {signature.definition}'
        )
    return _Task(signature, outputs, _classifications)


def _regression(signature: Signature, rules: PredictRules) -> _Task:
    _check_method(signature, "regression", REGRESS_METHOD, rules)
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    for name, there in ((_INPUTS, signature.inputs), (_OUTPUTS, signature.outputs)):
        if name not in there:
            raise invalid_argument(
                f"No regression {name} found in SignatureDef: {signature.definition}"
            )
    return _Task(signature, (_OUTPUTS,), _regressions)


def _run(run: Run, tasks: list[_Task], message: Any) -> tuple[list[Any], int]:
    """Feed the examples to every input there is, fetch every output there is, all in one run."""
    examples = _serialized_examples(message)
    if not examples:
        raise invalid_argument("Input is empty.")
    batch = np.empty(len(examples), object)
    batch[:] = examples
    inputs = {task.signature.inputs[_INPUTS].tensor_name for task in tasks}
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


def _classifications(values: dict[str, Array], count: int) -> Any:
    for name, dtype in ((_CLASSES, object), (_SCORES, np.float32)):
        value = values.get(name)
        if value is None:
            continue
        if value.ndim != 2:
            raise invalid_argument(
                f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(value)}"
            )
        if value.dtype != dtype:
            want = "DT_STRING" if dtype is object else "DT_FLOAT"
            raise invalid_argument(
                f"Expected {name} Tensor of {want}. Got: DT_{type_name(value.dtype).upper()}"
            )
        if len(value) != count:
            raise invalid_argument(
                f"Expected {name} output batch size of {count}. Got: {len(value)}"
            )
    labels, scores = values.get(_CLASSES), values.get(_SCORES)
    if labels is not None and scores is not None and labels.shape != scores.shape:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{labels.shape[1]} vs. {scores.shape[1]}"
        )
    result = protos.ClassificationResult()
    width = (scores if labels is None else labels).shape[1]  # type: ignore[union-attr]  # one is there
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(width):
            entry = classes.add()
            if labels is not None:
                entry.label = labels[row, column]
            if scores is not None:
                entry.score = scores[row, column]
    return result


def _regressions(values: dict[str, Array], count: int) -> Any:
    value = values[_OUTPUTS]
    if not (value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 1)):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{shape_text(value)}"
        )
    if len(value) != count:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {count} vs. {len(value)}"
        )
    if value.dtype != np.float32:
        raise invalid_argument(
            f"Expected output Tensor of DT_FLOAT.  Got: DT_{type_name(value.dtype).upper()}"
        )
    result = protos.RegressionResult()
    for number in value.ravel().tolist():
        result.regressions.add().value = number
    return result
