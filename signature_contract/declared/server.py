"""What a running server says of a model: over gRPC, or over REST."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

import protos
from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.signature import signatures_from_proto

TIMEOUT_S = 60.0
_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
_FIELD = "signature_def"


@dataclass(frozen=True)
class Address:
    """Where a model is served.

    Attributes:
        host: Name and port, for instance ``localhost:8500``.
        model: The model's name; empty where it was not named.
        version: Its version; empty for the one that the server chooses.
        url: Beginning of the REST API's addresses, or empty for gRPC.
    """

    host: str
    model: str = ""
    version: str = ""
    url: str = ""

    def __str__(self) -> str:
        where = self.url or self.host
        name = f"/{self.model}" if self.model else ""
        return f"{where}{name}" + (f" version {self.version}" if self.version else "")

    @property
    def rest_path(self) -> str:
        """The model's address in the REST API."""
        version = f"/versions/{self.version}" if self.version else ""
        return f"{self.url}/v1/models/{self.model}{version}"


def parse_address(text: str) -> Address | None:
    """Read an address as people write it; None where the text is none.

    ``HOST:PORT``, ``HOST:PORT/MODEL`` and ``HOST:PORT/MODEL/VERSION`` are gRPC's;
    ``http://HOST:PORT/v1/models/MODEL[/versions/VERSION]`` is REST's.
    """
    model = r"/v1/models/([^/:\s]+)(?:/versions/(\d+))?"
    rest = re.fullmatch(rf"(https?://[^/\s:]+(?::\d{{1,5}})?)(?:{model})?/?", text)
    if rest:
        return Address(rest[1].partition("//")[2], rest[2] or "", rest[3] or "", rest[1])
    host = r"[\w.-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}"
    grpc = re.fullmatch(rf"({host})(?:/([^/\s]+)(?:/(\d+))?)?", text)
    return Address(grpc[1], grpc[2] or "", grpc[3] or "") if grpc else None


def model_spec(address: Address, spec: Any) -> None:
    """Fill a ``ModelSpec`` with the model's name and version."""
    spec.name = address.model
    if address.version:
        spec.version.value = int(address.version)


def read_server(address: Address) -> Declaration:
    """Ask a server for a model's signatures.

    Raises:
        TargetError: Nobody answers, or the answer is an error or no metadata.
    """
    if not address.model:
        raise TargetError(f"which model of {address.url or address.host}? Name it with --name")
    found = _over_rest(address) if address.url else _over_grpc(address)
    try:
        return Declaration(str(address), signatures_from_proto(found.signature_def))
    except ValueError as err:
        raise TargetError(f"{address} declares what cannot be read: {err}") from err


def _over_grpc(address: Address) -> Any:
    import grpc  # reading a file does without

    request = protos.GetModelMetadataRequest(metadata_field=[_FIELD])
    model_spec(address, request.model_spec)
    with grpc.insecure_channel(address.host) as channel:
        ask = channel.unary_unary(
            _METADATA,
            request_serializer=protos.GetModelMetadataRequest.SerializeToString,
            response_deserializer=protos.GetModelMetadataResponse.FromString,
        )
        try:
            answer = ask(request, timeout=TIMEOUT_S)
        except grpc.RpcError as err:
            raise TargetError(f"{address}: {err.code().name}: {err.details()}") from err
    signatures = protos.SignatureDefMap()
    if _FIELD not in answer.metadata or not answer.metadata[_FIELD].Unpack(signatures):
        raise TargetError(f"{address} answers without signatures")
    return signatures


def _over_rest(address: Address) -> Any:
    document = _get_json(f"{address.rest_path}/metadata")
    try:
        found = document["metadata"][_FIELD]
        found.pop("@type", None)
        return json_format.ParseDict(found, protos.SignatureDefMap(), ignore_unknown_fields=True)
    except (AttributeError, KeyError, TypeError, json_format.ParseError) as err:
        raise TargetError(f"{address} answers with something else than signatures") from err


def _get_json(url: str) -> Any:
    """Ask a REST API and return the document of the answer.

    Args:
        url: Its address.

    Raises:
        TargetError: Nobody answers, or the answer is an error or no JSON.
    """
    try:
        # http or https, see parse_address
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as err:
        raise TargetError(f"{url}: HTTP {err.code}: {_words(err.read())}") from err
    except (OSError, ValueError, http.client.HTTPException) as err:
        reason = getattr(err, "reason", None) or err or type(err).__name__
        raise TargetError(f"{url} does not answer as a REST API does: {reason}") from err


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()[:200]
