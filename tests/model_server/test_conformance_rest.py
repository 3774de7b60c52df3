"""Replays what TensorFlow Serving 2.20 answered over REST: status, content type and body."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.running import PATIENCE_S


def test_answers_as_tensorflow_serving_does(
    recorded_server: Any, rest_case: dict[str, Any]
) -> None:
    body = rest_case["body"]
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    host = recorded_server.rest.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    try:
        connection.request(rest_case["method"], rest_case["path"], body)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.status == rest_case["status"], text
    assert response.headers["Content-Type"] == rest_case["content_type"]
    if rest_case["content_type"] != "application/json":
        assert text == rest_case["answer"]
    elif rest_case["path"].endswith("/metadata"):
        document = json.loads(text)
        signatures = document["metadata"]["signature_def"]["signature_def"]
        assert {
            "model_spec": document["model_spec"],
            "signatures": sorted(signatures),
        } == rest_case["answer"]
    else:
        assert json.loads(text) == rest_case["answer"]
