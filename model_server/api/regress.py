"""Regress: a number for each example."""

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
from model_server.api.rules import REGRESS_METHOD, SignatureRules
from model_server.errors import invalid_argument
from model_server.runtimes.arrays import Array, shape_text, type_name
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import Signature

_OUTPUTS = "outputs"


def answer(model: LoadedModel, request: Any, rules: SignatureRules, run: RunTensors) -> Any:
    """Answer a ``RegressionRequest`` with a ``RegressionResult``.

    Raises:
        ServingError: With TensorFlow Serving's code and text.
    """
    signature = find_examples_signature(model, request.model_spec.signature_name)
    task = regression_task(signature, rules)
    return run_tasks(run, [task], request.input)[0][0]


def regression_task(signature: Signature, rules: SignatureRules) -> Task:
    """Return the task of a signature that regresses.

    Raises:
        ServingError: INVALID_ARGUMENT with TensorFlow Serving's text, when it does not.
    """
    check_examples_signature(signature, "regression", REGRESS_METHOD, rules)
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    for name, there in ((INPUTS, signature.inputs), (_OUTPUTS, signature.outputs)):
        if name not in there:
            raise invalid_argument(
                f"No regression {name} found in SignatureDef: {signature.definition}"
            )
    return Task(signature, (_OUTPUTS,), _regressions)


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
