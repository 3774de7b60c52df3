"""The asyncio client: the same behaviour, awaited, and what only asyncio has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from python_client import (
    AsyncVisionClient,
    ChannelOptions,
    ContractBrokenError,
    HedgingPolicy,
    InputError,
    errors,
    open_async_channel,
)
from tests.running import PATIENCE_S


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def test_every_call(target: str, published_copy: Path, serving: Any) -> None:
    inputs = {"input_tensor": np.full((1, 4, 4, 3), 101, np.uint8)}

    async def scenario() -> dict[str, Any]:
        async with AsyncVisionClient(target, contract=published_copy) as client:
            (answer,) = await client.classify(b"\x65")
            return {
                "classify": (answer.label, answer.logits),
                "predict": (await client.predict(inputs, request_id="mine"))["logits"].tolist(),
                "metadata": (await client.metadata()).version,
                "status": (await client.status()).available,
                "check_contract": (await client.check_contract()).version,
            }

    assert run(scenario()) == {
        "classify": ("dog", {"cat": 0.0, "dog": 1.0}),
        "predict": [[0.0, 1.0]],
        "metadata": 7,
        "status": (7,),
        "check_contract": 7,
    }
    assert serving.headers[1]["x-request-id"] == "mine"


def test_calls_are_under_way_together(target: str, serving: Any) -> None:
    """Pictures of three sizes: three calls, each of which waits for the others to arrive."""

    def predict(request: Any, context: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while len(serving.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        return serving.model_answer(request, context)

    serving.predict = predict
    images = [np.full((size, 4, 3), size, np.uint8) for size in (1, 2, 3, 1)]

    async def scenario() -> list[float]:
        async with AsyncVisionClient(target) as client:
            return [answer.logits["dog"] + 100 for answer in await client.classify(images)]

    assert run(scenario()) == [1, 2, 3, 1]
    assert len(serving.requests) == 3


def test_errors_are_the_synchronous_ones(target: str, published_copy: Path, serving: Any) -> None:
    async def scenario() -> None:
        async with AsyncVisionClient(target, contract=published_copy) as client:
            serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")] * 2
            assert len(await client.classify(b"\x01")) == 1
            serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "wrong rank")]
            with pytest.raises(errors.InvalidArgumentError, match="wrong rank") as caught:
                await client.classify([b"\x01", np.zeros((2, 2, 3), np.uint8)])
            assert isinstance(caught.value.__cause__, grpc.aio.AioRpcError)
            with pytest.raises(InputError, match="received float32"):
                await client.classify(np.zeros((2, 2), np.float32))
            serving.predict = lambda request, context: serving.unblock.wait(PATIENCE_S)  # noqa: ARG005
            with pytest.raises(errors.DeadlineExceededError, match=r"deadline 0\.1 s"):
                await client.classify(b"\x01", timeout_s=0.1)
            serving.predict = None
            serving.classes = ["dog", "cat"]
            with pytest.raises(ContractBrokenError, match="class order"):
                await client.check_contract()
        with pytest.raises(errors.ClientClosedError):
            await client.status()

    run(scenario())


def test_cancelling_a_task_cancels_its_call(target: str, serving: Any) -> None:
    ended = asyncio.Event()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def predict(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG001
            context.add_callback(lambda: loop.call_soon_threadsafe(ended.set))
            serving.unblock.wait(PATIENCE_S)
            return serving.answer_with([0.0])

        serving.predict = predict
        async with AsyncVisionClient(target, timeout_s=PATIENCE_S) as client:
            task = asyncio.create_task(client.classify(b"\x01"))
            while not serving.requests:  # the server lives in other threads
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 10)

    run(scenario())


def test_a_channel_of_ones_own_stays_open(target: str) -> None:
    async def scenario() -> None:
        async with open_async_channel(target) as channel:
            for _ in range(2):
                async with AsyncVisionClient(target, channel=channel) as client:
                    await client.status()
            with pytest.raises(ValueError, match="either a channel"):
                AsyncVisionClient(target, channel=channel, options=ChannelOptions())

    run(scenario())


def test_hedging(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:
        if len(serving.requests) == 1:
            serving.unblock.wait(PATIENCE_S)
        return serving.model_answer(request, context)

    async def scenario() -> None:
        quick = ChannelOptions(hedging=HedgingPolicy(delay_s=0.05))
        async with AsyncVisionClient(target, options=quick, timeout_s=PATIENCE_S) as client:
            serving.predict = predict
            assert len(await client.classify(b"\x01")) == 1
            assert len(serving.requests) == 2
            serving.predict = None
        patient = ChannelOptions(hedging=HedgingPolicy(max_attempts=3, delay_s=20))
        async with AsyncVisionClient(target, options=patient) as client:
            serving.failures = [(grpc.StatusCode.UNAVAILABLE, "queue full")]
            assert len(await client.classify(b"\x01")) == 1
            serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "wrong rank")]
            with pytest.raises(errors.InvalidArgumentError):
                await client.classify(b"\x01")
            serving.failures = [(grpc.StatusCode.UNAVAILABLE, f"attempt {n}") for n in (1, 2, 3)]
            with pytest.raises(errors.UnavailableError, match="attempt 3"):
                await client.classify(b"\x01")

    run(scenario())
