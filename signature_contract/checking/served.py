"""Asks a model on a server: over gRPC, or over REST."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import numpy as np

import protos
from signature_contract import tensor_messages
from signature_contract.checking.answers import Model, RefusedError
from signature_contract.checking.made_up import numpy_dtype
from signature_contract.contract import Contract, TensorSpec
from signature_contract.contract_errors import TargetError
from signature_contract.declared.server import TIMEOUT_S, Address, model_spec
from signature_contract.golden import Array

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# Nobody answered: that says nothing of the model.
_NOBODY = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"))
_GATEWAY_ERRORS = frozenset((502, 503, 504))
_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 412: "FAILED_PRECONDITION"}


@contextlib.contextmanager
def served_model(address: Address, contract: Contract) -> Iterator[Model]:
    """Connect to a model on a server."""
    if address.url:
        yield _RestModel(address, contract)
    else:
        with grpc.insecure_channel(address.host, options=_UNLIMITED) as channel:
            yield _GrpcModel(address, contract, channel)


class _GrpcModel:
    def __init__(self, address: Address, contract: Contract, channel: grpc.Channel) -> None:
        self._address = address
        self._contract = contract
        self._predict = channel.unary_unary(
            _PREDICT,
            request_serializer=protos.PredictRequest.SerializeToString,
            response_deserializer=protos.PredictResponse.FromString,
        )

    def run(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        request = protos.PredictRequest()
        model_spec(self._address, request.model_spec)
        request.model_spec.signature_name = key
        specs = self._contract.signature(key).inputs
        for name, value in inputs.items():
            tensor_messages.encode(value, request.inputs[name], specs[name].dtype)
        try:
            answer = self._predict(request, timeout=TIMEOUT_S)
        except grpc.RpcError as err:
            code, words = err.code().name, err.details() or ""
            if code in _NOBODY:
                raise TargetError(f"{self._address}: {code}: {words}") from err
            raise RefusedError(code, words) from err
        return {name: tensor_messages.decode(value) for name, value in answer.outputs.items()}


class _RestModel:
    """REST's JSON has no dtypes: the contract's are read into what it answers."""

    def __init__(self, address: Address, contract: Contract) -> None:
        self._address = address
        self._contract = contract

    def run(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        signature = self._contract.resolved(key)
        # REST has every input named, also those that have a default value.
        defaults = {
            name: _of_default(spec.default, spec.dtype != "string")
            for name, spec in signature.inputs.items()
            if spec.has_default
        }
        body = {
            "signature_name": key,
            "inputs": defaults | {name: _to_json(value) for name, value in inputs.items()},
        }
        answer = self._post(json.dumps(body).encode())
        try:
            outputs = answer["outputs"]
            if len(signature.outputs) == 1:  # a single one is not named
                outputs = dict.fromkeys(signature.outputs, outputs)
            return {
                name: _from_json(value, signature.outputs[name])
                for name, value in outputs.items()
                if name in signature.outputs
            }
        except (TypeError, KeyError, ValueError, AttributeError) as err:
            shown = json.dumps(answer)[:80]
            raise TargetError(f"{self._address} answers no outputs: {shown}") from err

    def _post(self, body: bytes) -> Any:
        request = urllib.request.Request(  # noqa: S310  # http or https, see parse_address
            f"{self._address.rest_path}:predict", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as err:
            words = err.read().decode("utf-8", "replace")
            if err.code in _GATEWAY_ERRORS:
                raise TargetError(f"{self._address}: HTTP {err.code}: {words[:200]}") from err
            raise RefusedError(_CODES.get(err.code, f"HTTP {err.code}"), words) from err
        except (OSError, ValueError, http.client.HTTPException) as err:
            raise TargetError(f"{self._address} does not answer: {err}") from err


def _of_default(value: Any, is_float: bool) -> Any:
    """Return a default value as REST takes it: JSON's own names for what is not finite."""
    if isinstance(value, tuple):
        return [_of_default(item, is_float) for item in value]
    is_number = is_float and value in ("NaN", "Infinity", "-Infinity")
    return float(value) if is_number else value


def _to_json(value: Array) -> Any:
    if value.dtype == object:
        items = [{"b64": base64.b64encode(item).decode("ascii")} for item in value.reshape(-1)]
        nested = np.empty(len(items), dtype=object)
        nested[:] = items
        return nested.reshape(value.shape).tolist()
    return value.tolist()


def _from_json(value: Any, spec: TensorSpec) -> Array:
    if spec.dtype != "string":
        natural, wanted = np.array(value), numpy_dtype(spec.dtype)
        # JSON's numbers have no dtype; what would lose something by this one is not of it.
        fits = not natural.size or np.can_cast(natural.dtype, wanted, casting="same_kind")
        return natural.astype(wanted) if fits or natural.dtype.kind in "iu" else natural
    array = np.array(value, dtype=object)
    flat = np.empty(array.size, dtype=object)
    flat[:] = [_bytes(item) for item in array.reshape(-1)]
    return flat.reshape(array.shape)


def _bytes(item: Any) -> bytes:
    return base64.b64decode(item["b64"]) if isinstance(item, dict) else str(item).encode()
