"""Predict: a request's tensors to the session and back, in TensorFlow Serving's order and words.

The order in which a request is checked decides which of several errors its caller sees, so it
follows ``predict_util.cc``: signature, number of inputs, each tensor, output filter, run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc

from model_server.api import tensors
from model_server.api.rules import CLASSIFY_METHOD, REGRESS_METHOD, SignatureRules
from model_server.errors import ServingError, failed_precondition, invalid_argument
from model_server.runtimes.arrays import Array
from model_server.runtimes.runtime import LoadedModel
from model_server.runtimes.signatures import (
    DEFAULT_SIGNATURE,
    PREDICT_METHOD,
    Signature,
    TensorInfo,
    describe,
)

_METHODS = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)


def find_signature(model: LoadedModel, key: str) -> Signature:
    """Return the signature of this key; empty means ``serving_default``.

    Raises:
        ServingError: FAILED_PRECONDITION when there is none.
    """
    key = key or DEFAULT_SIGNATURE
    signature = model.signatures.get(key)
    if signature is None:
        raise failed_precondition(f'Serving signature key "{key}" not found.')
    return signature


def check_method(signature: Signature, rules: SignatureRules) -> None:
    """Refuse a signature whose ``method_name`` is none that can be predicted with.

    Raises:
        ServingError: INTERNAL, when the rules ask for it.
    """
    if rules.check_method_name and signature.definition.method_name not in _METHODS:
        raise ServingError(
            grpc.StatusCode.INTERNAL,
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {signature.definition.method_name}",
        )


def read_inputs(
    signature: Signature, request_inputs: Mapping[str, Any], rules: SignatureRules
) -> dict[str, Array]:
    """Read a request's ``TensorProto`` map against a signature.

    Args:
        signature: The signature called.
        request_inputs: Message by input alias.
        rules: How strict to be.

    Returns:
        Array by alias, one for each input of the signature.

    Raises:
        ServingError: INVALID_ARGUMENT; which check failed is in the message.
    """
    check_method(signature, rules)
    wanted = signature.inputs
    if len(request_inputs) > len(wanted) or (
        len(request_inputs) < len(wanted) and not signature.defaults
    ):
        raise invalid_argument(
            f"input size does not match signature: {len(request_inputs)}!={len(wanted)} "
            f"len({_names(request_inputs)}) != len({_names(wanted)}). "
            f"Sent extra: {_names(set(request_inputs) - set(wanted))}. "
            f"Missing but required: {_names(set(wanted) - set(request_inputs))}."
        )
    feeds = {}
    for alias, info in wanted.items():
        if alias in request_inputs:
            proto = request_inputs[alias]
        elif alias in signature.defaults:
            proto = signature.defaults[alias]
        else:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {info.tensor_name}) not found in "
                "request and no default value provided. Inputs expected to be in the request "
                f"{_names(request_inputs)}, or default input alias set: "
                f"{','.join(sorted(signature.defaults))}"
            )
        feeds[alias] = _read(signature, info, proto, rules)
    return feeds


def choose_outputs(signature: Signature, output_filter: Iterable[str]) -> list[str]:
    """Return the output aliases a request asks for; all when it names none.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown or repeated alias.
    """
    chosen: list[str] = []
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {_names(signature.outputs)}."
            )
        if alias in chosen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        chosen.append(alias)
    return chosen or list(signature.outputs)


def check_shape(signature: Signature, info: TensorInfo, dtype: int, shape: tuple[int, ...]) -> None:
    """Refuse a shape that contradicts the signature's rank or fixed dimensions.

    Under oneDNN a tensor of the wrong rank that reaches a convolution aborts the process, and
    neither the session nor TensorFlow Serving checks before.

    Raises:
        ServingError: INVALID_ARGUMENT naming the input, what is expected and what came.
    """
    expected = info.shape
    if expected is None:
        return
    if len(shape) == len(expected):
        for want, have in zip(expected, shape, strict=True):
            if want not in (-1, have):
                break
        else:
            return
    raise invalid_argument(
        f'input "{info.alias}" of signature "{signature.key}" contradicts the signature: '
        f"expected {info}, received {describe(dtype, shape)}"
    )


def _read(signature: Signature, info: TensorInfo, proto: Any, rules: SignatureRules) -> Array:
    try:
        shape = tensors.shape_of(proto)
        if rules.compare_shapes_of(signature):
            check_shape(signature, info, proto.dtype, shape)
        return tensors.from_proto(proto, shape)
    except tensors.TensorTooLargeError as err:
        raise ServingError(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f'input "{info.alias}" is too large: {err}'
        ) from err
    except tensors.TensorError as err:
        raise invalid_argument(f"tensor parsing error: {info.alias}") from err


def _names(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
