"""MultiInference: several signatures of one model on the same examples, in one run."""

from __future__ import annotations

from typing import Any

import grpc

import protos
from model_server.api.classify import classification_task
from model_server.api.examples import RunTensors, Task, run_tasks
from model_server.api.regress import regression_task
from model_server.api.rules import CLASSIFY_METHOD, REGRESS_METHOD, SignatureRules
from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import DEFAULT_SIGNATURE


def answer(
    model: LoadedModel, request: Any, rules: SignatureRules, run: RunTensors
) -> tuple[Any, int]:
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
    answers, count = run_tasks(run, _tasks(model, request, rules), request.input)
    response = protos.MultiInferenceResponse()
    for asked, result in zip(request.tasks, answers, strict=True):
        target = response.results.add()
        if asked.method_name == CLASSIFY_METHOD:
            target.classification_result.CopyFrom(result)
        else:
            target.regression_result.CopyFrom(result)
    return response, count


def _tasks(model: LoadedModel, request: Any, rules: SignatureRules) -> list[Task]:
    keys: list[str] = []
    tasks: list[Task] = []
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
        if key in keys:
            raise invalid_argument(f"Duplicate evaluation of signature: {key}")
        keys.append(key)
        tasks.append(_task(model, key, asked.method_name, rules))
    return tasks


def _task(model: LoadedModel, key: str, method: str, rules: SignatureRules) -> Task:
    signature = model.signatures.get(key)
    if signature is None:
        raise invalid_argument(f"Requested signature not found in model graph: {key}")
    if method == CLASSIFY_METHOD:
        return classification_task(signature, rules)
    if method == REGRESS_METHOD:
        return regression_task(signature, rules)
    raise ServingError(
        grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {method}"
    )
