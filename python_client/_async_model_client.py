"""The asyncio client of any model: the synchronous one's surface, awaited."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from python_client._answers.served_model import ModelMetadata, ModelStatus
from python_client._requests import contract_check
from python_client._requests.about_model import metadata_rpc, status_rpc
from python_client._requests.contract_choice import named_contract
from python_client._requests.model_address import ModelAddress
from python_client._requests.predictions import Predictions
from python_client._requests.rpc import Rpc
from python_client._transport.call_options import CallDefaults
from python_client._transport.channels import ChannelOptions, Credentials, open_async_channel
from python_client._transport.hedging import first_answer_async
from python_client._transport.status_errors import error_of_status
from python_client.errors import ClientClosedError
from python_client.tensors import Array
from signature_contract.contract import Contract

T = TypeVar("T")


class AsyncModelClient:
    """Asks one model of a TensorFlow Serving server, from asyncio code.

    Arguments, checks, answers and errors are those of :class:`python_client.ModelClient`; the
    channel, where one is handed in, is a ``grpc.aio.Channel``. Make the client inside the event
    loop that uses it. Cancelling a task that awaits a call cancels the call.

        async with AsyncModelClient("localhost:8500", model="ranker") as client:
            answer = await client.predict({"query": np.array(["red shoes"])})
    """

    def __init__(
        self,
        target: str,
        *,
        model: str,
        contract: Contract | str | Path | None = None,
        channel: grpc.aio.Channel | None = None,
        timeout_s: float = 10.0,
        credentials: Credentials = None,
        options: ChannelOptions | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        self._address = ModelAddress(target, model)
        self._predictions = Predictions(self._address, named_contract(contract))
        self._defaults = CallDefaults.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_async_channel(target, credentials, self._defaults.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._predictions.contract

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
        """Run one signature on tensors; see :meth:`python_client.ModelClient.predict`."""
        rpc = self._predictions.rpc(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return (await self._run(rpc, timeout_s, request_id)).outputs

    async def metadata(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelMetadata:
        """Ask for the signatures; see :meth:`python_client.ModelClient.metadata`."""
        rpc = metadata_rpc(self._address, version=version, version_label=version_label)
        return await self._run(rpc, timeout_s, request_id)

    async def status(
        self,
        *,
        version: int | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelStatus:
        """Ask for the versions' states; see :meth:`python_client.ModelClient.status`."""
        return await self._run(status_rpc(self._address, version=version), timeout_s, request_id)

    async def check_contract(
        self,
        *,
        probe: bool = True,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
    ) -> ModelMetadata:
        """Compare with the contract; see :meth:`python_client.ModelClient.check_contract`."""
        metadata = await self.metadata(
            version=version, version_label=version_label, timeout_s=timeout_s
        )
        contract_check.check_signatures(self._address, self.contract, metadata)
        if probe and self.contract and (asked := contract_check.probe(self.contract)):
            await self.predict(
                asked.inputs, asked.signature, version=metadata.version, timeout_s=timeout_s
            )
        return metadata

    async def close(self) -> None:
        """Close the connection, unless it was handed in. Closing twice does nothing."""
        self._closed = True
        if self._owned:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _ends_at(self, timeout_s: float | None) -> float:
        """Return when a call that starts now has to have its answer, by the monotonic clock."""
        return time.monotonic() + (self._defaults.timeout_s if timeout_s is None else timeout_s)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address.target} model={self._address.model!r}>"

    async def _run(self, rpc: Rpc[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._address.target)
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
                target=self._address.target,
                model=self._address.model,
                signature=rpc.signature,
                request_id=options.request_id,
                timeout_s=options.timeout_s,
            ) from err
        return rpc.read(answer)
