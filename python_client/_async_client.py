"""The asyncio client: the synchronous one's surface, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._answers.served_model import ModelMetadata, ModelStatus
from python_client._requests.contract_choice import resolve_contract
from python_client._requests.images import Images
from python_client._requests.rpcs import ModelRpcs, Rpc
from python_client._transport.call_options import CallDefaults
from python_client._transport.channels import ChannelOptions, Credentials, open_async_channel
from python_client._transport.hedging import first_answer_async
from python_client._transport.status_errors import error_of_status
from python_client.errors import ClientClosedError
from python_client.tensors import Array
from signature_contract.contract import Contract

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
        self._rpcs = ModelRpcs(target, model, resolve_contract(contract, model))
        self._defaults = CallDefaults.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_async_channel(target, credentials, self._defaults.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._rpcs.contract

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
        rpcs = self._rpcs.classify(
            images, batch_size=batch_size, version=version, version_label=version_label
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
        rpcs = self._rpcs.detect(
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return await self._run_all(rpcs, timeout_s, request_id)

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
        rpc = self._rpcs.predict(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return await self._run(rpc, timeout_s, request_id)

    async def metadata(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelMetadata:
        """Ask for the signatures; see :meth:`python_client.VisionClient.metadata`."""
        rpc = self._rpcs.metadata(version=version, version_label=version_label)
        return await self._run(rpc, timeout_s, request_id)

    async def status(
        self,
        *,
        version: int | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelStatus:
        """Ask for the versions' states; see :meth:`python_client.VisionClient.status`."""
        return await self._run(self._rpcs.status(version=version), timeout_s, request_id)

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
        self._rpcs.check_signatures(metadata)
        if probe := self._rpcs.probe(metadata):
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
        return f"<AsyncVisionClient {self._rpcs.target} model={self._rpcs.model!r}>"

    async def _run_all(
        self,
        rpcs: Sequence[tuple[tuple[int, ...], Rpc[list[T]]]],
        timeout_s: float | None,
        request_id: str | None,
    ) -> list[T]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    (positions, group.create_task(self._run(rpc, timeout_s, request_id)))
                    for positions, rpc in rpcs
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0]  # noqa: B904  # the group adds nothing to its first error
        answers = {
            position: answer
            for positions, task in tasks
            for position, answer in zip(positions, task.result(), strict=True)
        }
        return [answers[position] for position in sorted(answers)]

    async def _run(self, rpc: Rpc[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._rpcs.target)
        options = self._defaults.for_call(timeout_s, request_id)
        send = self._channel.unary_unary(
            rpc.path,
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer_type.FromString,
        )

        def start(seconds: float) -> Any:
            return send(rpc.request, timeout=seconds, metadata=options.metadata)

        try:
            if self._defaults.hedging:
                answer = await first_answer_async(start, self._defaults.hedging, options.timeout_s)
            else:
                answer = await start(options.timeout_s)
        except grpc.RpcError as err:
            raise error_of_status(
                err,
                target=self._rpcs.target,
                model=self._rpcs.model,
                signature=rpc.signature,
                request_id=options.request_id,
                timeout_s=options.timeout_s,
            ) from err
        return rpc.read(answer)
