"""The asyncio client of a model of images: the synchronous one's surface, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import grpc

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._async_model_client import AsyncModelClient
from python_client._requests.contract_choice import image_contract
from python_client._requests.image_calls import (
    ImageCall,
    ImageCalls,
    classify_rpcs,
    detect_rpcs,
    refused_file,
)
from python_client._requests.images import Images
from python_client._transport.channels import ChannelOptions, Credentials
from python_client.errors import CallError, InvalidArgumentError
from signature_contract.contract import Contract

T = TypeVar("T")


class AsyncVisionClient(AsyncModelClient):
    """Asks one model of images: an :class:`AsyncModelClient` that also classifies and detects.

    Arguments, checks, answers and errors are those of :class:`python_client.VisionClient`.

        async with AsyncVisionClient("localhost:8500") as client:
            first, second = await asyncio.gather(client.classify(cat), client.classify(dog))
    """

    def __init__(
        self,
        target: str,
        *,
        model: str = "classifier",
        contract: Contract | str | Path | None = None,
        channel: grpc.aio.Channel | None = None,
        timeout_s: float = 10.0,
        credentials: Credentials = None,
        options: ChannelOptions | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        super().__init__(
            target,
            model=model,
            contract=image_contract(contract, model),
            channel=channel,
            timeout_s=timeout_s,
            credentials=credentials,
            options=options,
            metadata=metadata,
        )

    async def classify(
        self,
        images: Images,
        *,
        batch_size: int | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> list[Classification]:
        """Classify images; see :meth:`python_client.VisionClient.classify`.

        Where images need several calls, these are under way at the same time; the first
        failure cancels the others.
        """
        rpcs = classify_rpcs(
            self._predictions,
            images,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return await self._run_all(rpcs, timeout_s, request_id)

    async def detect(
        self,
        images: Images,
        *,
        min_score: float = 0.0,
        batch_size: int | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> list[Detections]:
        """Find the objects in images; see :meth:`python_client.VisionClient.detect`.

        Several calls are under way at the same time, as in :meth:`classify`.
        """
        rpcs = detect_rpcs(
            self._predictions,
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return await self._run_all(rpcs, timeout_s, request_id)

    async def _run_all(
        self, calls: ImageCalls[T], timeout_s: float | None, request_id: str | None
    ) -> list[T]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    (call.positions, group.create_task(self._answers(call, timeout_s, request_id)))
                    for call in calls
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0]  # noqa: B904  # the group adds nothing to its first error
        answers = {
            position: answer
            for positions, task in tasks
            for position, answer in zip(positions, task.result(), strict=True)
        }
        return [answers[position] for position in sorted(answers)]

    async def _answers(
        self, call: ImageCall[T], timeout_s: float | None, request_id: str | None
    ) -> list[T]:
        try:
            ends_at = self._ends_at(timeout_s)
            return await self._run(call.rpc, timeout_s, request_id)
        except InvalidArgumentError as err:
            raise await self._refusal(call, err, ends_at, request_id) from err.__cause__

    async def _refusal(
        self,
        call: ImageCall[T],
        refusal: InvalidArgumentError,
        ends_at: float,
        request_id: str | None,
    ) -> InvalidArgumentError:
        search = refused_file(call, refusal)
        answer: InvalidArgumentError | None = None
        try:
            while True:
                part = search.send(answer)
                try:
                    await self._run(part.rpc, max(ends_at - time.monotonic(), 0.001), request_id)
                    answer = None
                except InvalidArgumentError as err:
                    answer = err
        except StopIteration as found:
            error: InvalidArgumentError = found.value
            return error
        except CallError:  # no time left, or no server: say what is known
            return refusal
