"""How calls fail: by type, by text, and what is tried again."""

from __future__ import annotations

import pickle
import socket
import threading
from typing import Any

import grpc
import numpy as np
import pytest

from python_client import (
    CallError,
    ChannelOptions,
    HedgingPolicy,
    MessageLimits,
    ModelClient,
    RetryPolicy,
    VisionClient,
    VisionClientError,
    errors,
)
from tests.running import PATIENCE_S

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
ONCE = ChannelOptions(retry=None)


def fail_with(code: grpc.StatusCode, target: str, serving: Any) -> CallError:
    """Classify a file on a server that ends the call with a code."""
    serving.failures = [(code, "the server's own words")]
    with VisionClient(target, options=ONCE) as client, pytest.raises(CallError) as caught:
        client.classify(b"\x01", request_id="r-1")
    return caught.value


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_each_code_has_its_class(target: str, serving: Any, code: grpc.StatusCode) -> None:
    error = fail_with(code, target, serving)
    assert isinstance(error, errors.CLASS_OF_CODE[code])
    assert isinstance(error.__cause__, grpc.RpcError)


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_an_error_has_what_was_asked_and_answered(
    target: str, serving: Any, code: grpc.StatusCode
) -> None:
    expected = {
        "code": code,
        "details": "the server's own words",
        "target": target,
        "model": "classifier",
        "signature": "serving_bytes",
        "request_id": "r-1",
    }
    error = fail_with(code, target, serving)
    assert {name: getattr(error, name) for name in expected} == expected


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_an_error_says_what_was_asked_and_answered(
    target: str, serving: Any, code: grpc.StatusCode
) -> None:
    text = str(fail_with(code, target, serving))
    expected = f'{code.name} from {target}, model "classifier", signature "serving_bytes": the ser'
    assert text.startswith(expected)
    assert "[request r-1]" in text


def test_the_tree_covers_every_code_once() -> None:
    assert set(errors.CLASS_OF_CODE) == set(CODES)
    assert len(set(errors.CLASS_OF_CODE.values())) == len(CODES)
    for cls in errors.CLASS_OF_CODE.values():
        assert issubclass(cls, CallError)
        assert cls.__name__ in (errors.__doc__ or "")


def test_errors_survive_a_process_boundary(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.NOT_FOUND, "no such servable")]
    with VisionClient(target) as client, pytest.raises(errors.NotFoundError) as caught:
        client.status()
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert type(copy) is errors.NotFoundError
    assert (str(copy), copy.details) == (str(caught.value), "no such servable")


def test_unavailable_is_tried_again(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")] * 2
    with VisionClient(target) as client:
        (answer,) = client.classify(b"\x05", request_id="same")
    assert answer.logits["dog"] == -95
    assert [headers["x-request-id"] for headers in serving.headers] == ["same"] * 3


def test_retries_end(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")] * 9
    retry = RetryPolicy(max_attempts=3, initial_backoff_s=0.01)
    with (
        VisionClient(target, options=ChannelOptions(retry=retry)) as client,
        pytest.raises(errors.UnavailableError, match="queue full"),
    ):
        client.status()
    assert len(serving.requests) == 3


def test_other_failures_are_not_tried_again(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "wrong rank")]
    with VisionClient(target) as client, pytest.raises(errors.InvalidArgumentError):
        client.classify(b"\x05")
    assert len(serving.requests) == 1


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        VisionClient(target, options=ONCE) as client,
        pytest.raises(errors.UnavailableError, match=f"{target}.*[\\s\\S]*is a server listening"),
    ):
        client.status()


def test_a_server_that_comes_up_later_is_waited_for() -> None:
    """wait_for_ready: the first connection is closed, and then nobody listens for a moment."""
    first = socket.create_server(("127.0.0.1", 0))
    port = first.getsockname()[1]
    server = grpc.server(None)  # no call reaches it; the connection is what is waited for

    def later() -> None:
        connection, _ = first.accept()
        connection.close()
        first.close()
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()

    thread = threading.Thread(target=later)
    options = ChannelOptions(wait_for_ready=True, retry=None)
    with VisionClient(f"127.0.0.1:{port}", options=options, timeout_s=PATIENCE_S) as client:
        thread.start()
        with pytest.raises(errors.UnimplementedError):  # it answered, though it serves nothing
            client.status()
    thread.join()
    server.stop(None).wait()


def test_the_deadline_ends_a_slow_call(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:
        serving.unblock.wait(PATIENCE_S)
        return serving.model_answer(request, context)

    serving.predict = predict
    with (
        VisionClient(target, timeout_s=PATIENCE_S) as client,
        pytest.raises(errors.DeadlineExceededError, match=r"deadline 0\.2 s"),
    ):
        client.classify(b"\x05", timeout_s=0.2)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_a_deadline_must_lie_ahead(target: str, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s above 0"):
        VisionClient(target, timeout_s=timeout_s)
    with VisionClient(target) as client, pytest.raises(ValueError, match="timeout_s above 0"):
        client.status(timeout_s=timeout_s)


def test_photographs_beyond_grpcs_own_limit_pass(target: str, serving: Any) -> None:
    """8 MiB both ways: gRPC's default would refuse to receive it."""
    serving.predict = lambda request, context: _echo(request)  # noqa: ARG005
    large = np.zeros((1, 2048, 1366, 3), np.uint8)
    with ModelClient(target, model="echo") as client:
        outputs = client.predict({"input_tensor": large})
    np.testing.assert_array_equal(outputs["echo"], large)


def test_a_limit_of_ones_own_says_what_to_do(target: str, serving: Any) -> None:
    serving.predict = lambda request, context: _echo(request)  # noqa: ARG005
    options = ChannelOptions(limits=MessageLimits(receive_bytes=1000))
    with (
        VisionClient(target, options=options) as client,
        pytest.raises(errors.ResourceExhaustedError, match=r"larger than max[\s\S]*MessageLimits"),
    ):
        client.predict({"input_tensor": np.zeros((1, 64, 64, 3), np.uint8)})


def test_a_hedged_call_takes_the_first_answer(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:
        if len(serving.requests) == 1:
            serving.unblock.wait(PATIENCE_S)
        return serving.model_answer(request, context)

    serving.predict = predict
    options = ChannelOptions(hedging=HedgingPolicy(delay_s=0.05))
    with VisionClient(target, options=options, timeout_s=PATIENCE_S) as client:
        (answer,) = client.classify(b"\x05")
    assert answer.logits["dog"] == -95
    assert len(serving.requests) == 2


def test_a_hedged_call_goes_on_after_unavailable_at_once(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")]
    options = ChannelOptions(hedging=HedgingPolicy(delay_s=20))
    with VisionClient(target, options=options, timeout_s=PATIENCE_S) as client:
        assert len(client.classify(b"\x05")) == 1


def test_a_hedged_call_ends_with_a_fatal_failure(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "wrong rank")]
    options = ChannelOptions(hedging=HedgingPolicy(delay_s=20))
    with (
        VisionClient(target, options=options) as client,
        pytest.raises(errors.InvalidArgumentError),
    ):
        client.classify(b"\x05")


def test_a_hedged_call_fails_when_every_attempt_has(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, f"attempt {n}") for n in (1, 2, 3)]
    options = ChannelOptions(hedging=HedgingPolicy(max_attempts=3, delay_s=20))
    with (
        VisionClient(target, options=options) as client,
        pytest.raises(errors.UnavailableError, match="attempt 3"),
    ):
        client.classify(b"\x05")


def test_hedged_calls_keep_their_deadline(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:  # noqa: ARG001
        serving.unblock.wait(PATIENCE_S)
        return serving.answer_with([0.0])

    serving.predict = predict
    options = ChannelOptions(hedging=HedgingPolicy(delay_s=0.05))
    with (
        VisionClient(target, options=options, timeout_s=0.4) as client,
        pytest.raises(errors.DeadlineExceededError),
    ):
        client.classify(b"\x05")


def test_one_except_clause_catches_all() -> None:
    for name in ("InputError", "AnswerError", "ContractBrokenError", "ClientClosedError"):
        assert issubclass(getattr(errors, name), VisionClientError)


def _echo(request: Any) -> Any:
    import protos

    answer = protos.PredictResponse()
    answer.outputs["echo"].CopyFrom(request.inputs["input_tensor"])
    return answer
