"""The asyncio client: the synchronous one's surface, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

from python_client.answers import Classification, ModelMetadata, ModelStatus
from python_client.calls import Call, ModelCalls, resolve_contract
from python_client.channels import ChannelOptions, Credentials, open_async_channel
from python_client.detections import Detections
from python_client.envelope import Envelope
from python_client.errors import ClientClosedError, from_rpc
from python_client.hedging import first_answer_async
from python_client.images import Images
from python_client.tensors import Array
from serving_config.contract import Contract

T = TypeVar("T")


class AsyncVisionClient:
    """Asks one model of a TensorFlow Serving server, from asyncio code.

    Arguments, checks, answers and errors are those of :class:`python_client.VisionClient`; the
    channel, where one is handed in, is a ``grpc.aio.Channel``. Make the client inside the event
    loop that uses it. Cancelling a task that awaits a call cancels the call.

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
        self._calls = ModelCalls(target, model, resolve_contract(contract, model))
        self._envelope = Envelope.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_async_channel(target, credentials, self._envelope.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._calls.contract

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
        """Classify photographs; see :meth:`python_client.VisionClient.classify`.

        Where photographs need several calls, these are under way at the same time; the first
        failure cancels the others.
        """
        calls = self._calls.classify(
            images, batch_size=batch_size, version=version, version_label=version_label
        )
        return await self._run_all(calls, timeout_s, request_id)

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
        """Find the objects in photographs; see :meth:`python_client.VisionClient.detect`.

        Several calls are under way at the same time, as in :meth:`classify`.
        """
        calls = self._calls.detect(
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return await self._run_all(calls, timeout_s, request_id)

    async def predict(
        self,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        *,
        output_filter: Iterable[str] = (),
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> dict[str, Array]:
        """Run one signature on tensors; see :meth:`python_client.VisionClient.predict`."""
        call = self._calls.predict(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return await self._run(call, timeout_s, request_id)

    async def metadata(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelMetadata:
        """Ask for the signatures; see :meth:`python_client.VisionClient.metadata`."""
        call = self._calls.metadata(version=version, version_label=version_label)
        return await self._run(call, timeout_s, request_id)

    async def status(
        self,
        *,
        version: int | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelStatus:
        """Ask for the versions' states; see :meth:`python_client.VisionClient.status`."""
        return await self._run(self._calls.status(version=version), timeout_s, request_id)

    async def check_contract(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
    ) -> ModelMetadata:
        """Compare with the contract; see :meth:`python_client.VisionClient.check_contract`."""
        metadata = await self.metadata(
            version=version, version_label=version_label, timeout_s=timeout_s
        )
        self._calls.check_signatures(metadata)
        if probe := self._calls.probe(metadata):
            await self._run(probe, timeout_s, None)
        return metadata

    async def close(self) -> None:
        """Close the connection, unless it was handed in. Closing twice does nothing."""
        self._closed = True
        if self._owned:
            await self._channel.close()

    async def __aenter__(self) -> AsyncVisionClient:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncVisionClient {self._calls.target} model={self._calls.model!r}>"

    async def _run_all(
        self,
        calls: Sequence[tuple[tuple[int, ...], Call[list[T]]]],
        timeout_s: float | None,
        request_id: str | None,
    ) -> list[T]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    (positions, group.create_task(self._run(call, timeout_s, request_id)))
                    for positions, call in calls
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0]  # noqa: B904  # the group adds nothing to its first error
        answers = {
            position: answer
            for positions, task in tasks
            for position, answer in zip(positions, task.result(), strict=True)
        }
        return [answers[position] for position in sorted(answers)]

    async def _run(self, call: Call[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._calls.target)
        sending = self._envelope.address(timeout_s, request_id)
        rpc = self._channel.unary_unary(
            call.path,
            request_serializer=type(call.request).SerializeToString,
            response_deserializer=call.answer_type.FromString,
        )

        def start(seconds: float) -> Any:
            return rpc(call.request, timeout=seconds, metadata=sending.metadata)

        try:
            if self._envelope.hedging:
                answer = await first_answer_async(start, self._envelope.hedging, sending.timeout_s)
            else:
                answer = await start(sending.timeout_s)
        except grpc.RpcError as err:
            raise from_rpc(
                err,
                target=self._calls.target,
                model=self._calls.model,
                signature=call.signature,
                request_id=sending.request_id,
                timeout_s=sending.timeout_s,
            ) from err
        return call.read(answer)
