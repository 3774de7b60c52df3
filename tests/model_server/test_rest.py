"""REST beyond what was recorded: bodies, numbers, methods, headers and addresses.

What is expected here is what TensorFlow Serving's sources say, and those of the libraries it is
built on: RapidJSON 1.1.0 and libevent 2.1.12.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S

MODEL = "/v1/models/toy"
PREDICT = f"{MODEL}:predict"
GZIPPED = {"Content-Encoding": "gzip"}


def call(
    server: Any,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    host: str = "127.0.0.1",
) -> tuple[int, dict[str, str], bytes]:
    """Send a request; return status, headers and body."""
    port = int(server.rest.rpartition(":")[2])
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


def post(server: Any, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    status, _, answer = call(server, "POST", PREDICT, body, headers)
    return status, json.loads(answer)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b" ", "JSON Parse error: The document is empty. at offset: 1"),
        (b"[1]", "JSON Value: [1] Is not object"),
        (
            b'{"instances": [1], "inputs": [1]}',
            'JSON Value: {\n    "instances": [1],\n    "inputs": [1]\n} Not formatted correctly '
            "expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        (
            b'{"instances": 5}',
            "JSON Value: {\n    \"instances\": 5\n} Expecting 'instances' to be an list/array",
        ),
        (
            b'{"instances": []}',
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
        ),
        (
            b'{"instances": [1.0, [2.0]]}',
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting shape [] but got: [1]",
        ),
        (
            b'{"instances": [1.0, true]}',
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON Value: true Type: True is not of expected type: float",
        ),
        (
            b'{"instances": [{"x": "a"}, {"z": 1}]}',
            "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "a" Type: String is not of expected type: float',
        ),
        (
            b'{"instances": [1.0 2.0]}',
            "JSON Parse error: Missing a comma or ']' after an array element. at offset: 19",
        ),
        (b'{"instances": [1.0,]}', "JSON Parse error: Invalid value. at offset: 19"),
        (b'{"instances": [1.]}', "JSON Parse error: Miss fraction part in number. at offset: 17"),
        (b'{"instances": [1e]}', "JSON Parse error: Miss exponent in number. at offset: 17"),
        (
            b'{"instances": [' + b"9" * 400 + b"]}",
            "JSON Parse error: Number too big to be stored in double. at offset: 15",
        ),
        (
            b'{"instances": ["\\ud800"]}',
            "JSON Parse error: The surrogate pair in string is invalid. at offset: 16",
        ),
        (
            b'{"instances": ["\n"]}',
            "JSON Parse error: Invalid escape character in string. at offset: 16",
        ),
        (
            b'{"instances": ["a',
            "JSON Parse error: Missing a closing quotation mark in string. at offset: 17",
        ),
        (
            b'{"signature_name": 5}',
            'JSON Value: {\n    "signature_name": 5\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (b'{"inputs": {"z": [1.0]}}', "Missing named input: x in 'inputs' object."),
        (b"[" * 100_000, "JSON Parse error: Invalid value. at offset: 100000"),
        (b"\xff\xfe", "JSON Parse error: Invalid value. at offset: 0"),
        (
            b'{"signature_name": "weighted_sum", "inputs": {"a": [[1, 1]], "b": [1e30]}}',
            "JSON Value: 1e30 Type: Number is not of expected type: int64",
        ),
    ],
)
def test_a_wrong_body_is_a_400_that_says_why(toy_server: Any, body: bytes, error: str) -> None:
    assert post(toy_server, body) == (400, {"error": error})


def test_an_error_shows_no_more_than_256_bytes_of_a_value(toy_server: Any) -> None:
    status, answer = post(toy_server, json.dumps({"instances": {"a": [1] * 10_000}}).encode())
    assert status == 400
    shown = '{\n    "instances": {\n        "a": [1'
    while len(shown) < 256:  # the value that reaches it is the last
        shown += ", 1"
    assert answer["error"] == f"JSON Value: {shown} Expecting 'instances' to be an list/array"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"instances": [1.0]} and more', b'{\n    "predictions": [2.5\n    ]\n}'),
        (b'\xef\xbb\xbf{"instances": [1.0]}', b'{\n    "predictions": [2.5\n    ]\n}'),
        (b'{"instances": [-NaN, Inf]}', b'{\n    "predictions": [NaN, Infinity\n    ]\n}'),
        (
            b'{"instances": [16777217, 1e39]}',
            b'{\n    "predictions": [8.38861e+06, Infinity\n    ]\n}',
        ),
        (
            b'{"instances": [0.6666667, 3e10, 0.1]}',
            b'{\n    "predictions": [2.33333325, 1.5e+10, 2.05\n    ]\n}',
        ),
        (b'{"inputs": [1, 2]}', b'{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'),
        (
            b'{"signature_name": "length", "instances": ["\xff\xfe", {"b64": "YW\\nJj"}]}',
            b'{\n    "predictions": [2, 3\n    ]\n}',
        ),
        (
            b'{"signature_name": "weighted_sum", "instances": [{"b": 2, "a": [1, 2]}]}',
            b'{\n    "predictions": [\n        {\n            "count": 2,\n            '
            b'"total": 6.0\n        }\n    ]\n}',
        ),
    ],
)
def test_an_answer_has_tensorflow_serving_s_bytes(
    toy_server: Any, body: bytes, answer: bytes
) -> None:
    status, headers, received = call(toy_server, "POST", PREDICT, body)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert received == answer


def test_two_signature_inputs_by_column(toy_server: Any) -> None:
    body = {"signature_name": "weighted_sum", "inputs": {"a": [[1, 2]], "b": [3]}}
    assert post(toy_server, json.dumps(body).encode()) == (
        200,
        {"outputs": {"total": [9.0], "count": [3]}},
    )


EMPTY = (400, {"error": "JSON Parse error: The document is empty"})


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "identity, gzip"])
def test_a_gzip_body_is_read(toy_server: Any, encoding: str) -> None:
    body = gzip.compress(b'{"instances": [1.0]}')
    answer = post(toy_server, body, {"Content-Encoding": encoding})
    assert answer == (200, {"predictions": [2.5]})


def test_a_gzip_bomb_is_not_read(toy_server: Any) -> None:
    bomb = gzip.compress(b"[" + b"0," * (64 * 2**20) + b"0]")
    assert post(toy_server, bomb, GZIPPED) == EMPTY
    liar = bomb[:-4] + (100).to_bytes(4, "little")
    assert post(toy_server, liar, GZIPPED) == EMPTY


def test_a_gzip_body_that_is_cut_is_not_read(toy_server: Any) -> None:
    body = gzip.compress(b'{"instances": [1.0]}')
    assert post(toy_server, body[:-9], GZIPPED) == EMPTY


def test_a_body_that_is_not_what_its_header_says_is_not_read(toy_server: Any) -> None:
    assert post(toy_server, b'{"instances": [1.0]}', GZIPPED) == EMPTY


def test_another_encoding_is_refused(toy_server: Any) -> None:
    body = gzip.compress(b'{"instances": [1.0]}')
    assert post(toy_server, body, {"Content-Encoding": "br"})[0] == 400


def test_a_body_is_as_large_as_its_sender_makes_it(toy_server: Any) -> None:
    text = b'"' + b"a" * (80 * 2**20) + b'"'
    body = b'{"signature_name": "length", "instances": [' + text + b"]}"
    assert post(toy_server, body) == (200, {"predictions": [80 * 2**20]})


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("POST", f"{PREDICT}?a=b", f"Malformed request: POST {PREDICT}?a=b"),
        ("POST", f"{MODEL}:PREDICT", f"Malformed request: POST {MODEL}:PREDICT"),
        ("PATCH", MODEL, f"Malformed request: PATCH {MODEL}"),
        ("DELETE", MODEL, f"Malformed request: DELETE {MODEL}"),
        ("GET", "/v1/models", "Missing model name in request."),
        (
            "GET",
            f"/v1/models/toy/versions/{2**63}",
            f"Failed to convert version: {2**63} to numeric.",
        ),
    ],
)
def test_a_wrong_request_line_is_a_400(toy_server: Any, method: str, path: str, error: str) -> None:
    status, _, body = call(toy_server, method, path, b"" if method == "POST" else None)
    assert (status, json.loads(body)) == (400, {"error": error})


def test_a_query_is_part_of_the_name(toy_server: Any) -> None:
    status, _, body = call(toy_server, "GET", f"{MODEL}?a=b")
    error = "Could not find any versions of model toy?a=b"
    assert (status, json.loads(body)) == (404, {"error": error})


def test_head_is_a_wrong_method_without_a_body(toy_server: Any) -> None:
    status, headers, body = call(toy_server, "HEAD", MODEL)
    assert (status, headers["Content-Type"], body) == (400, "application/json", b"")
    assert call(toy_server, "HEAD", "/elsewhere")[0] == 404


def test_a_method_that_libevent_is_not_given_is_not_implemented(toy_server: Any) -> None:
    status, headers, body = call(toy_server, "TRACE", MODEL)
    assert (status, headers["Content-Type"]) == (501, "text/html")
    assert b"<H1>Not Implemented</H1>" in body


def test_options_is_answered_to_who_says_where_it_comes_from(toy_server: Any) -> None:
    for headers, status in (({}, 400), ({"Origin": "null"}, 400), ({"Origin": "http://a"}, 200)):
        answer = call(toy_server, "OPTIONS", PREDICT, None, headers)
        assert (answer[0], answer[2]) == (status, b"")
        assert not [name for name in answer[1] if name.startswith("Access-Control")]


@pytest.fixture(scope="module")
def cors_server(toy_models: Path, start_server: Callable[..., Any]) -> Any:
    """A server that lets pages of other origins in."""
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        "--rest_api_enable_cors_support",
        rest=True,
    )
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("method", "body", "status"), [("OPTIONS", None, 200), ("POST", b"{}", 400), ("GET", None, 400)]
)
def test_cors_headers_are_on_every_answer_of_the_api(
    cors_server: Any, method: str, body: bytes | None, status: int
) -> None:
    answer = call(cors_server, method, PREDICT, body, {"Origin": "https://example.org"})
    assert answer[0] == status
    assert {name: value for name, value in answer[1].items() if name.startswith("Access")} == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, GET",
        "Access-Control-Allow-Headers": "Content-Type",
    }


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine's Python has no IPv6")
def test_both_address_families_are_answered(toy_server: Any) -> None:
    try:
        answer = call(toy_server, "GET", MODEL, host="::1")
    except OSError as err:
        if isinstance(err, ConnectionRefusedError):
            raise
        pytest.skip(f"this machine has no IPv6 loopback: {err}")
    assert answer[0] == 200
    assert call(toy_server, "GET", MODEL, host="127.0.0.1")[0] == 200
