"""Classify: labels and scores of each example."""

from __future__ import annotations

from typing import Any

import numpy as np

import protos
from model_server.api.examples import (
    INPUTS,
    RunTensors,
    Task,
    check_examples_signature,
    find_examples_signature,
    run_tasks,
)
from model_server.api.rules import CLASSIFY_METHOD, SignatureRules
from model_server.errors import invalid_argument
from model_server.runtimes.arrays import Array, shape_text, type_name
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import Signature

_CLASSES, _SCORES = "classes", "scores"


def answer(model: LoadedModel, request: Any, rules: SignatureRules, run: RunTensors) -> Any:
    """Answer a ``ClassificationRequest`` with a ``ClassificationResult``.

    Raises:
        ServingError: With TensorFlow Serving's code and text.
    """
    signature = find_examples_signature(model, request.model_spec.signature_name)
    task = classification_task(signature, rules)
    return run_tasks(run, [task], request.input)[0][0]


def classification_task(signature: Signature, rules: SignatureRules) -> Task:
    """Return the task of a signature that classifies.

    Raises:
        ServingError: INVALID_ARGUMENT with TensorFlow Serving's text, when it does not.
    """
    check_examples_signature(signature, "classification", CLASSIFY_METHOD, rules)
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    if INPUTS not in signature.inputs:
        raise invalid_argument(
            f"No classification inputs found in SignatureDef: {signature.definition}"
        )
    outputs = tuple(name for name in (_CLASSES, _SCORES) if name in signature.outputs)
    if not outputs:
        raise invalid_argument(
            'Expected classification signature outputs to contain at least one of "classes" or '
            f'"scores". Signature was: {signature.definition}'
        )
    return Task(signature, outputs, _classifications)


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
