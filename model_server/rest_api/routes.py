"""The REST API without a transport: method, path and body in, status and JSON out."""

from __future__ import annotations

import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format

import protos
from model_server.api.engine import Engine
from model_server.api.predict import check_method, check_shape
from model_server.errors import ServingError, invalid_argument
from model_server.rest_api import json_examples, json_tensors
from model_server.rest_api.json_reader import parse_object
from model_server.rest_api.json_text import show
from model_server.rest_api.json_writer import (
    write_classifications,
    write_columns,
    write_error,
    write_regressions,
    write_rows,
)
from model_server.runtimes.limits import CallLimits
from model_server.runtimes.signatures import DEFAULT_SIGNATURE

_MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_CALL = re.compile(_MODEL + r":(classify|regress|predict)", re.IGNORECASE)
_LOOK = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?", re.IGNORECASE
)
_PREFIX = "/v1/"

# http_server.cc
_STATUSES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}


@dataclass
class RestRequest:
    """What a request turned out to be, for metrics and logs.

    Attributes:
        api: ``predict``, ``classify``, ``regress``, ``status``, ``metadata``, or empty.
        model: The model's name in the path.
        version: The version that answered, 0 when none did.
        signature: The signature asked for.
    """

    api: str = ""
    model: str = ""
    version: int = 0
    signature: str = ""


def handles(path: str) -> bool:
    """Tell whether a path belongs to this API; others are 404 pages."""
    return path.lower().startswith(_PREFIX)


def http_status(code: grpc.StatusCode) -> int:
    """Return the HTTP status of a gRPC code."""
    return _STATUSES.get(code, 500)


class RestApi:
    """Answers the REST routes with an engine. Thread-safe."""

    def __init__(self, engine: Engine, timeout_ms: int | None) -> None:
        """Create the API; ``timeout_ms`` bounds each run."""
        self._engine = engine
        self._limits = CallLimits(timeout_ms)

    def answer(self, method: str, path: str, body: bytes, call: RestRequest) -> str:
        """Answer one request.

        Args:
            method: The HTTP method.
            path: The path as it was sent, with its query; a route has none.
            body: The body, decompressed.
            call: Filled with what the request turned out to be, also when it fails.

        Returns:
            JSON text.

        Raises:
            ServingError: :func:`http_status` tells the status of its code.
        """
        malformed = invalid_argument(f"Malformed request: {method} {path}")
        if method == "POST" and (match := _CALL.fullmatch(path)):
            call.api = match[4]
        elif method == "GET" and (match := _LOOK.fullmatch(path)):
            call.api = "metadata" if match[4] == "metadata" else "status"
        else:
            raise malformed
        spec = protos.ModelSpec(name=urllib.parse.unquote(match[1] or ""))
        call.model = spec.name
        if match[2]:
            if int(match[2]) >= 2**63:
                raise invalid_argument(f"Failed to convert version: {match[2]} to numeric.")
            spec.version.value = int(match[2])
        elif match[3]:
            spec.version_label = urllib.parse.unquote(match[3])
        if call.api == "predict":
            return self._predict(spec, body, call)
        if call.api == "classify":
            return self._classify(spec, body, call)
        if call.api == "regress":
            return self._regress(spec, body, call)
        if method == "POST":  # the route is found in any case of letters, the call is not
            raise malformed
        if not spec.name:
            raise invalid_argument("Missing model name in request.")
        return self._metadata(spec) if call.api == "metadata" else self._status(spec)

    def _predict(self, spec: Any, body: bytes, call: RestRequest) -> str:
        document = parse_object(body)
        key = call.signature = _signature_name(document) or DEFAULT_SIGNATURE
        with self._engine.catalog.lease(spec) as version:
            call.version = version.number
            signature = version.model.signatures.get(key)
            if signature is None:
                raise invalid_argument(
                    f'Serving signature name: "{key}" not found in signature def'
                )
            if not signature.inputs:
                name = _signature_name(document) or "DEFAULT"
                raise invalid_argument(f"Failed to get input map for signature: {name}")
            feeds, is_row = json_tensors.read(document, signature.inputs)
            check_method(signature, self._engine.rules)
            if self._engine.rules.compare_shapes_of(signature):
                for name, array in feeds.items():
                    info = signature.inputs[name]
                    check_shape(signature, info, info.dtype, array.shape)
            names = list(signature.outputs)
            values = self._engine.run(version, signature, feeds, names, self._limits)
        outputs = dict(zip(names, values, strict=True))
        return write_rows(outputs) if is_row else write_columns(outputs)

    def _classify(self, spec: Any, body: bytes, call: RestRequest) -> str:
        document = parse_object(body)
        request = protos.ClassificationRequest(model_spec=spec)
        request.model_spec.signature_name = call.signature = _signature_name(document)
        json_examples.read(document, request.input)
        response = self._engine.classify(request, self._limits)
        call.version = response.model_spec.version.value
        return write_classifications(
            [
                [(entry.label, entry.score) for entry in row.classes]
                for row in response.result.classifications
            ]
        )

    def _regress(self, spec: Any, body: bytes, call: RestRequest) -> str:
        document = parse_object(body)
        request = protos.RegressionRequest(model_spec=spec)
        request.model_spec.signature_name = call.signature = _signature_name(document)
        json_examples.read(document, request.input)
        response = self._engine.regress(request, self._limits)
        call.version = response.model_spec.version.value
        return write_regressions([row.value for row in response.result.regressions])

    def _status(self, spec: Any) -> str:
        request = protos.GetModelStatusRequest(model_spec=spec)
        return str(
            json_format.MessageToJson(
                self._engine.administration.status(request),
                always_print_fields_with_no_presence=True,
            )
        )

    def _metadata(self, spec: Any) -> str:
        response = self._engine.metadata(
            protos.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        )
        signatures = protos.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        document = {
            "model_spec": _as_dict(response.model_spec),
            "metadata": {"signature_def": _as_dict(signatures)},
        }
        return json.dumps(document, indent=1)


def _as_dict(message: Any) -> Any:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _signature_name(document: dict[str, Any]) -> str:
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {show(document)} not formatted correctly. 'signature_name' key must be "
            "a string value."
        )
    return name


def error_text(err: ServingError) -> str:
    """Return the body of a failed request."""
    return write_error(err.message)
