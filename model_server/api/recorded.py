"""Recorded requests (``PredictionLog``), answered as calls are but for what no caller reads."""

from __future__ import annotations

from typing import Any

from model_server.api import classify, multi_inference, regress
from model_server.api.predict import choose_outputs, find_signature, read_inputs
from model_server.api.rules import SignatureRules
from model_server.errors import invalid_argument
from model_server.runtimes.runtime import LoadedModel


def replay(model: LoadedModel, log: Any, rules: SignatureRules) -> None:
    """Run one recorded request.

    Args:
        model: The loaded model.
        log: A ``PredictionLog``.
        rules: How strict to be.

    Raises:
        ServingError: As the call would.
    """
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        signature = find_signature(model, request.model_spec.signature_name)
        feeds = read_inputs(signature, request.inputs, rules)
        model.run(signature, feeds, choose_outputs(signature, request.output_filter))
    elif kind == "classify_log":
        classify.answer(model, log.classify_log.request, rules, model.run_tensors)
    elif kind == "regress_log":
        regress.answer(model, log.regress_log.request, rules, model.run_tensors)
    elif kind == "multi_inference_log":
        multi_inference.answer(model, log.multi_inference_log.request, rules, model.run_tensors)
    else:
        raise invalid_argument(f"Unsupported log_type for warmup: {kind}")
