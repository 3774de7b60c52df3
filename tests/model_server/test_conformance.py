"""Replays what TensorFlow Serving 2.20 answered, on both runtimes: same code, message, response.

Two things depend on who exported the model and not on the server: the number at the end of a
function's name in a graph error, and tensor names inside the metadata. Nothing else is forgiven.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import json_format

import protos

_FUNCTION_NUMBER = re.compile(r"(__inference_\w+?)_\d+")


def test_answers_as_tensorflow_serving_does(
    recorded_server: Any, caller: Any, grpc_case: dict[str, Any]
) -> None:
    answer = caller(recorded_server.target)(grpc_case["rpc"], grpc_case["request"])
    assert answer.code == grpc_case["code"], answer.message
    if answer.code != "OK":
        assert _without_numbers(answer.message) == _without_numbers(grpc_case["message"])
    elif "signatures" in grpc_case["response"]:
        spec, signatures = _metadata(answer.response)
        assert spec == grpc_case["response"]["modelSpec"]
        assert signatures == _without_tensor_names(grpc_case["response"]["signatures"])
    else:
        assert answer.response == json_format.ParseDict(
            grpc_case["response"], type(answer.response)()
        )


def _without_numbers(message: str) -> str:
    return _FUNCTION_NUMBER.sub(r"\1", message)


def _metadata(response: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    signature_map = protos.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signature_map)
    document = json_format.MessageToDict(signature_map)["signatureDef"]
    return json_format.MessageToDict(response.model_spec), _without_tensor_names(document)


def _without_tensor_names(signatures: dict[str, Any]) -> dict[str, Any]:
    for signature in signatures.values():
        for role in ("inputs", "outputs"):
            for info in signature.get(role, {}).values():
                info.pop("name", None)
    return signatures
