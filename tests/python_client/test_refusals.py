"""What failures say: refusals in plain words, the bad file of a batch, who was not there."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any

import grpc
import numpy as np
import pytest

from python_client import AsyncVisionClient, ChannelOptions, VisionClient, errors
from python_client._transport.refusals import about, plain
from tests.running import PATIENCE_S, REPO

CASES = json.loads((REPO / "tests" / "java" / "refusals.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_refusal_in_plain_words(case: dict[str, Any]) -> None:
    assert plain(case["said"]) == case["plain"]
    assert about(case["said"]).name == case["about"]


BAD = b"\xff\xd8\xff bad"
GOOD = b"\xff\xd8\xff\x05"


def _refuse_bad(serving: Any) -> None:
    """Refuse whatever batch has a bad file, without saying which, as TensorFlow does."""

    def predict(request: Any, context: Any) -> Any:
        if BAD in request.inputs["image_bytes"].string_val:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                "{{function_node __inference_9}} Invalid JPEG data or crop window, data size 7\n"
                "\t [[{{node map/while/DecodeImage}}]]",
            )
        return serving.model_answer(request, context)

    serving.predict = predict


def test_the_bad_file_of_a_batch_is_named(target: str, serving: Any) -> None:
    _refuse_bad(serving)
    images = [GOOD] * 11
    images[6] = images[9] = BAD
    with VisionClient(target) as client:
        with pytest.raises(errors.InvalidArgumentError) as caught:
            client.classify(images)
        with pytest.raises(errors.InvalidArgumentError) as split:
            client.classify(images, batch_size=4)

    async def scenario() -> None:
        async with AsyncVisionClient(target) as client:
            await client.classify(images)

    with pytest.raises(errors.InvalidArgumentError) as awaited:
        asyncio.run(scenario())
    for error in (caught.value, split.value, awaited.value):
        assert error.position == 6
        assert str(error).startswith(f"image 6 of 11: INVALID_ARGUMENT from {target}, ")
        assert "{{" not in str(error)
        assert "{{node" in error.details


def test_no_time_to_look_for_it(target: str, serving: Any) -> None:
    _refuse_bad(serving)
    refuse = serving.predict
    done = threading.Event()

    def predict(request: Any, context: Any) -> Any:
        if len(serving.requests) > 1:
            done.wait(PATIENCE_S)
        return refuse(request, context)

    serving.predict = predict
    try:
        with (
            VisionClient(target, timeout_s=0.5) as client,
            pytest.raises(errors.InvalidArgumentError) as caught,
        ):
            client.classify([GOOD, BAD])
    finally:
        done.set()
    assert caught.value.position is None
    assert str(caught.value).startswith("INVALID_ARGUMENT from ")


def test_what_is_not_about_an_image_is_not_looked_for(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "Expects arg[0] to be float")]
    with VisionClient(target) as client, pytest.raises(errors.InvalidArgumentError) as caught:
        client.classify([GOOD, GOOD])
    assert caught.value.position is None
    assert len(serving.requests) == 1


def test_a_message_larger_than_grpcs_buffer_is_sent_again(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")] * 2
    with VisionClient(target) as client:
        (answer,) = client.classify(np.full((1024, 1024, 3), 105, np.uint8))
    assert answer.logits["dog"] == 5
    assert len(serving.requests) == 3


def test_unavailable_says_by_whom(target: str, serving: Any) -> None:
    once = ChannelOptions(retry=None)
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")]
    with VisionClient(target, options=once) as client, pytest.raises(errors.UnavailableError) as up:
        client.status()
    assert "the server is there and cannot answer now" in str(up.value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
        with (
            VisionClient(nobody, options=once) as client,
            pytest.raises(errors.UnavailableError) as down,
        ):
            client.status()
    assert ": no server answers: " in str(down.value)
    assert "is a server listening there" in str(down.value)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e18])
def test_an_absurd_deadline_is_refused(target: str, seconds: float) -> None:
    with pytest.raises(ValueError, match="expected timeout_s above 0 and at most 31536000 seconds"):
        VisionClient(target, timeout_s=seconds)


def test_arguments_of_ones_own_win(target: str, serving: Any) -> None:
    serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")] * 2
    options = ChannelOptions(extra_arguments=(("grpc.per_rpc_retry_buffer_size", 1000),))
    with VisionClient(target, options=options) as client, pytest.raises(errors.UnavailableError):
        client.classify(np.full((1024, 1024, 3), 105, np.uint8))
    assert len(serving.requests) == 1
