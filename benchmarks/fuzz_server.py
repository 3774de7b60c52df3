"""Hostile input: property-based requests to every RPC and REST route of a running server.

    python benchmarks/fuzz_server.py --target HOST:PORT [--rest HOST:PORT] [--requests 10000]
        [--seed N] [--pid N]

The server must serve the toy model as ``toy``, and may serve a ``classifier``. Each request must be
answered within its deadline, with a code that puts the fault where it belongs: INTERNAL for bytes
that are no message, which is what gRPC itself answers in any language, and for nothing else.
Between requests a good one must get its right answer. Prints one JSON line: requests and answers by
code, resident memory before and after; exit 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import base64
import collections
import http.client
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import protos

DEADLINE_S = 20.0
SERVICE = "/tensorflow.serving."
INFERENCE = ("Predict", "Classify", "Regress", "MultiInference")

# Codes that blame the caller, or say the server protects itself.
GRPC_ALLOWED = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
    "OUT_OF_RANGE",
}
REST_ALLOWED = {200, 400, 404, 405, 411, 413, 414, 429, 431, 501}

_INT64 = st.one_of(
    st.integers(-2, 5),
    st.sampled_from([2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63)]),
)


def mostly(usual: list[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw what exists nine times out of ten, so that most requests get far."""
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(usual) if n else odd)


_NAMES = mostly(
    ["toy", "toy", "toy", "classifier"],
    st.one_of(st.sampled_from(["", "nope", "x" * 5000]), st.text(max_size=20)),
)
_SIGNATURES = mostly(
    ["", "serving_default", "weighted_sum", "length", "serving_bytes"],
    st.one_of(st.just("__saved_model_init_op"), st.text(max_size=10)),
)
_INPUTS = mostly(
    ["x", "x", "x", "a", "b", "text", "input_tensor", "image_bytes"], st.text(max_size=10)
)
_SHAPES = st.one_of(
    st.lists(_INT64, max_size=5),
    st.lists(st.integers(0, 3), max_size=5),
    st.lists(st.integers(0, 3), min_size=1, max_size=1),
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 40), st.just(3)).map(list),
    st.integers(0, 300).map(lambda rank: [1] * rank),
)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one PNG chunk."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(width: int, height: int, rows: int) -> bytes:
    """Return a PNG that declares width x height and holds ``rows`` black rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes((1 + 3 * width) * rows), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


_IMAGES = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(
        [
            png(2, 2, 2),
            png(2, 2, 1),
            png(65000, 65000, 1),
            png(2**31 - 1, 2**31 - 1, 0),
            b"\xff\xd8\xff\xe0" + bytes(20),
            b"GIF89a\xff\xff\xff\xff" + bytes(10),
            b"BM" + bytes(60),
        ]
    ),
    st.integers(0, 60).map(lambda size: png(9, 9, 9)[:size]),
)


@st.composite
def tensors(draw: Any) -> Any:
    """A ``TensorProto`` of any dtype, any shape and values that need not fit either."""
    tensor = protos.TensorProto()
    tensor.dtype = draw(
        st.integers(0, 4).flatmap(
            lambda n: st.sampled_from([1, 1, 4, 7, 9]) if n else st.integers(-1, 110)
        )
    )
    for size in draw(_SHAPES):
        tensor.tensor_shape.dim.add().size = size
    if draw(st.integers(0, 20)) == 0:
        tensor.tensor_shape.unknown_rank = True
    few = {"max_size": 6}
    for field, values in (
        ("float_val", st.floats(width=32)),
        ("double_val", st.floats()),
        ("int_val", st.integers(-(2**31), 2**31 - 1)),
        ("int64_val", st.integers(-(2**63), 2**63 - 1)),
        ("string_val", _IMAGES),
        ("bool_val", st.booleans()),
        ("half_val", st.integers(-5, 2**17)),
        ("uint32_val", st.integers(0, 2**32 - 1)),
        ("uint64_val", st.integers(0, 2**64 - 1)),
        ("scomplex_val", st.floats(width=32)),
        ("dcomplex_val", st.floats()),
    ):
        if draw(st.integers(0, 3)) == 0:
            getattr(tensor, field).extend(draw(st.lists(values, **few)))
    if draw(st.integers(0, 2)) == 0:
        tensor.tensor_content = draw(st.binary(max_size=64))
    return tensor


def fill_spec(draw: Any, spec: Any) -> None:
    """Fill a ``ModelSpec`` with anything, mostly something that exists."""
    spec.name = draw(_NAMES)
    spec.signature_name = draw(_SIGNATURES)
    choice = draw(st.integers(0, 8))
    if choice == 0:
        spec.version.value = draw(_INT64)
    elif choice == 1:
        spec.version_label = draw(st.text(max_size=10))


@st.composite
def predict_requests(draw: Any) -> bytes:
    """A ``PredictRequest`` that is a message, whatever it says."""
    request = protos.PredictRequest()
    if draw(st.integers(0, 20)):
        fill_spec(draw, request.model_spec)
    for name in draw(st.lists(_INPUTS, min_size=draw(st.integers(0, 1)), max_size=2)):
        request.inputs[name].CopyFrom(draw(tensors()))
    request.output_filter.extend(
        draw(st.lists(st.one_of(st.sampled_from(["y", "total", "y"]), st.text()), max_size=2))
    )
    data: bytes = request.SerializeToString()
    return data


@st.composite
def example_requests(draw: Any, method: str) -> bytes:
    """A Classify, Regress or MultiInference request."""
    request: Any
    if method == "MultiInference":
        request = protos.MultiInferenceRequest()
        for _ in range(draw(st.integers(0, 3))):
            task = request.tasks.add()
            fill_spec(draw, task.model_spec)
            task.method_name = draw(
                st.sampled_from(
                    ["tensorflow/serving/classify", "tensorflow/serving/regress", "", "x"]
                )
            )
    else:
        classify = method == "Classify"
        request = protos.ClassificationRequest() if classify else protos.RegressionRequest()
        fill_spec(draw, request.model_spec)
    for _ in range(draw(st.integers(0, 3))):
        example = request.input.example_list.examples.add()
        example.features.feature[draw(st.text(max_size=5))].float_list.value.append(1.0)
    data: bytes = request.SerializeToString()
    return data


@st.composite
def metadata_requests(draw: Any) -> bytes:
    """A ``GetModelMetadataRequest``."""
    request = protos.GetModelMetadataRequest()
    fill_spec(draw, request.model_spec)
    request.metadata_field.extend(
        draw(st.lists(st.one_of(st.just("signature_def"), st.text(max_size=5)), max_size=2))
    )
    data: bytes = request.SerializeToString()
    return data


@st.composite
def status_requests(draw: Any) -> bytes:
    """A ``GetModelStatusRequest``."""
    request = protos.GetModelStatusRequest()
    fill_spec(draw, request.model_spec)
    data: bytes = request.SerializeToString()
    return data


def call_strategy() -> st.SearchStrategy[tuple[str, bytes]]:
    """Method and bytes."""
    structured = st.one_of(
        st.tuples(st.just("PredictionService/Predict"), predict_requests()),
        st.tuples(st.just("PredictionService/Predict"), predict_requests()),
        *(
            st.tuples(st.just(f"PredictionService/{name}"), example_requests(name))
            for name in INFERENCE[1:]
        ),
        st.tuples(st.just("PredictionService/GetModelMetadata"), metadata_requests()),
        st.tuples(st.just("ModelService/GetModelStatus"), status_requests()),
    )
    damaged = st.tuples(
        st.sampled_from([f"PredictionService/{name}" for name in INFERENCE]),
        st.one_of(
            st.binary(max_size=200),
            st.tuples(predict_requests(), st.integers(0, 200), st.binary(max_size=3)).map(
                lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
            ),
        ),
    )
    unknown = st.tuples(
        st.sampled_from(["PredictionService/Nope", "Nope/Predict"]), st.binary(max_size=20)
    )
    return st.one_of(structured, structured, structured, damaged, unknown)


def is_message(method: str, data: bytes) -> bool:
    """Tell whether bytes are a request of a method; those of an unknown method are never read."""
    requests: dict[str, Any] = {
        "Predict": protos.PredictRequest,
        "Classify": protos.ClassificationRequest,
        "Regress": protos.RegressionRequest,
        "MultiInference": protos.MultiInferenceRequest,
        "GetModelMetadata": protos.GetModelMetadataRequest,
        "GetModelStatus": protos.GetModelStatusRequest,
    }
    request = requests.get(method.rpartition("/")[2])
    if request is None or method.startswith("Nope/"):
        return True
    try:
        request.FromString(data)
    except DecodeError:
        return False
    return True


_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=5),
        _IMAGES.map(lambda data: {"b64": base64.b64encode(data).decode()}),
        st.just({"b64": "***"}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_INPUTS, inner, max_size=3)
    ),
    max_leaves=12,
)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.one_of(_SIGNATURES, _JSON),
        "instances": st.one_of(st.lists(_JSON, max_size=4), _JSON),
        "inputs": _JSON,
        "examples": st.one_of(st.lists(_JSON, max_size=3), _JSON),
        "context": _JSON,
    },
).map(lambda document: json.dumps(document).encode())
_BODIES = st.one_of(
    _DOCUMENTS,
    _DOCUMENTS,
    _DOCUMENTS,
    st.binary(max_size=50),
    st.tuples(_DOCUMENTS, st.integers(0, 60)).map(lambda parts: parts[0][: parts[1]]),
    st.integers(1, 100_000).map(lambda depth: b'{"instances": ' + b"[" * depth),
    st.integers(1, 5_000).map(lambda depth: b'{"instances": ' + b"[" * depth + b"]" * depth + b"}"),
    st.integers(1, 6_000).map(lambda digits: b'{"instances": [' + b"9" * digits + b"]}"),
)
_PATHS = st.one_of(
    st.sampled_from(
        [
            "/v1/models/toy:predict",
            "/v1/models/toy:predict",
            "/v1/models/toy:predict",
            "/v1/models/toy:classify",
            "/v1/models/toy:regress",
            "/v1/models/toy/versions/99999999999999999999:predict",
            "/v1/models/toy/labels/%ff%00:predict",
            "/v1/models/toy",
            "/v1/models/toy/metadata",
            "/v1/models//metadata",
            "/v1/models/../../etc/passwd",
            "/v1/models/%00",
            "/v1/" + "a" * 3000,
            "/",
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map(
        lambda text: "/v1/models/" + text
    ),
)
_METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"])


class Record:
    """What came back so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.answers: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []

    def add(self, answer: str, allowed: bool, request: str) -> None:
        """Count an answer; keep the request when the answer is not allowed."""
        self.answers[answer] += 1
        if not allowed:
            self.faults.append(f"{answer}: {request[:300]}")


def good_request() -> bytes:
    """Return a request whose answer is known: 2.5."""
    request = protos.PredictRequest()
    request.model_spec.name = "toy"
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add().size = 1
    request.inputs["x"].float_val.append(1.0)
    data: bytes = request.SerializeToString()
    return data


def fuzz_grpc(channel: grpc.Channel, count: int, record: Record, run_seed: int) -> None:
    """Send ``count`` requests over gRPC."""

    @seed(run_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(call_strategy())
    def send(call: tuple[str, bytes]) -> None:
        method, data = call
        try:
            channel.unary_unary(SERVICE + method)(data, timeout=DEADLINE_S)
            code, details = "OK", ""
        except grpc.RpcError as err:
            code, details = err.code().name, err.details() or ""
        allowed = GRPC_ALLOWED if is_message(method, data) else {"INTERNAL"}
        record.add(code, code in allowed, f"{method} {details!r} {data.hex()[:200]}")

    send()


def fuzz_rest(address: str, count: int, record: Record, run_seed: int) -> None:
    """Send ``count`` requests over HTTP."""

    @seed(run_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_METHODS, _PATHS, _BODIES, st.sampled_from(["", "", "", "gzip", "br"]))
    def send(method: str, path: str, body: bytes, encoding: str) -> None:
        connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)
        try:
            headers = {"Content-Encoding": encoding} if encoding else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
            status = response.status
            if response.headers.get_content_type() == "application/json" and text:
                json.loads(text)
        finally:
            connection.close()
        shown = f"{method} {path[:60]} {body[:120]!r} -> {text[:200]!r}"
        record.add(f"HTTP {status}", status in REST_ALLOWED, shown)

    send()


def resident_mb(process_id: int | None) -> float | None:
    """Return a process's resident memory in MB, None without a process."""
    if process_id is None:
        return None
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return None


def main() -> int:
    """Fuzz and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--rest", default="")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pid", type=int, help="the server's process, for its memory")
    arguments = parser.parse_args()
    record = Record()
    before = resident_mb(arguments.pid)
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(arguments.target, options=options) as channel:
        rounds = max(1, arguments.requests // 500)
        for turn in range(rounds):
            count = arguments.requests // rounds
            over_grpc = count if not arguments.rest else count * 2 // 3
            fuzz_grpc(channel, over_grpc, record, arguments.seed + turn)
            if arguments.rest:
                fuzz_rest(arguments.rest, count - over_grpc, record, arguments.seed + turn)
            answer = protos.PredictResponse.FromString(
                channel.unary_unary(SERVICE + "PredictionService/Predict")(
                    good_request(), timeout=DEADLINE_S
                )
            )
            if list(answer.outputs["y"].float_val) != [2.5]:
                record.faults.append(f"the good request got {answer}")
    result = {
        "requests": record.answers.total(),
        "answers": dict(record.answers.most_common()),
        "faults": len(record.faults),
        "first_faults": record.faults[:5],
        "resident_mb_before": before,
        "resident_mb_after": resident_mb(arguments.pid),
    }
    print(json.dumps(result))
    return 1 if record.faults else 0


if __name__ == "__main__":
    sys.exit(main())
