"""The synchronous client of any model."""

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
from python_client._transport.channels import ChannelOptions, Credentials, open_channel
from python_client._transport.hedging import first_answer
from python_client._transport.status_errors import error_of_status
from python_client.errors import ClientClosedError
from python_client.tensors import Array
from signature_contract.contract import Contract

T = TypeVar("T")


class ModelClient:
    """Asks one model of a TensorFlow Serving server, whatever it takes and gives.

    Thread-safe: one client, and its connection, may serve any number of threads. Every call has a
    deadline, and is sent again when the server is UNAVAILABLE as ``options.retry`` says.

        with ModelClient("localhost:8500", model="ranker", contract="ranker.json") as client:
            scores = client.predict({"query": ["red shoes"], "limit": 10})["scores"]

    Args:
        target: ``host:port``, or any gRPC name such as ``dns:///models:8500``.
        model: The model's name on the server.
        contract: What the model is expected to be: a contract, a contract file, a published
            version's directory, or the name of one of the toolkit's. Every request is held to it
            before it is sent, and every answer. None checks nothing.
        channel: A channel of yours, which stays open when the client closes. Its own arguments
            then decide on retries, limits and encryption; ``target`` only serves for messages.
        timeout_s: Deadline of a call in seconds, all its attempts together.
        credentials: :class:`python_client.TLS`, or gRPC's own credentials. None does not encrypt.
        options: Retries, hedging, keep-alive, compression, limits, load balancing.
        metadata: Headers for every call, for instance a token.

    Every call takes ``version`` or ``version_label`` (such as ``stable``; neither means the newest
    version), ``timeout_s`` in place of the client's, and ``request_id``, sent as ``x-request-id``
    (None makes one up). Every call raises :class:`CallError` where it fails: the subclass says how.

    Raises:
        ValueError: ``timeout_s`` is not above 0, or ``channel`` comes with ``credentials`` or
            ``options`` that it would ignore.
        ContractFileError: The contract cannot be read.
        OSError: A certificate or key file cannot be read.
    """

    def __init__(
        self,
        target: str,
        *,
        model: str,
        contract: Contract | str | Path | None = None,
        channel: grpc.Channel | None = None,
        timeout_s: float = 10.0,
        credentials: Credentials = None,
        options: ChannelOptions | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        self._address = ModelAddress(target, model)
        self._predictions = Predictions(self._address, named_contract(contract))
        self._defaults = CallDefaults.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_channel(target, credentials, self._defaults.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._predictions.contract

    def predict(  # noqa: D417  # what every call takes: see the class
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
        """Run one signature of the model on tensors.

        Args:
            inputs: Tensor by input name; one with a default value may be left out. An array must
                have the signature's dtype (float32 for bfloat16, which it is rounded to); numbers
                and lists without one take it. Text: ``bytes`` or ``str`` (sent as UTF-8).
            signature: The signature key.
            output_filter: Names of the outputs to compute and return; none means all.

        Returns:
            Array by output name; text as an object array of ``bytes``, bfloat16 as float32.

        Raises:
            InputError: The tensors contradict the contract; nothing was sent.
            AnswerError: The answer cannot be decoded, or has not the outputs of the contract.
            ContractBrokenError: It names other classes than the contract, or in another order.
        """
        rpc = self._predictions.rpc(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return self._run(rpc, timeout_s, request_id).outputs

    def metadata(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelMetadata:
        """Ask which signatures the model has.

        Raises:
            AnswerError: The answer holds no signatures.
        """
        rpc = metadata_rpc(self._address, version=version, version_label=version_label)
        return self._run(rpc, timeout_s, request_id)

    def status(
        self,
        *,
        version: int | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelStatus:
        """Ask for the state of the model's versions, of all where no ``version`` is named.

        Raises:
            NotFoundError: The server has no such model, or no such version.
        """
        return self._run(status_rpc(self._address, version=version), timeout_s, request_id)

    def check_contract(  # noqa: D417  # what every call takes: see the class
        self,
        *,
        probe: bool = True,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
    ) -> ModelMetadata:
        """Compare the server's model with the contract.

        Its signatures are compared with what GetModelMetadata declares. Where the contract knows
        class names, and a signature answers them and takes nothing but numbers, it is asked once
        with the smallest tensors that the contract allows, for only an answer shows the order of
        the classes.

        Args:
            probe: Ask that question. A model that refuses such tensors, although its contract
                allows them, fails this check with the server's error.

        Returns:
            What the server declares.

        Raises:
            ContractBrokenError: With every difference.
            InputError: The client has no contract.
        """
        metadata = self.metadata(version=version, version_label=version_label, timeout_s=timeout_s)
        contract_check.check_signatures(self._address, self.contract, metadata)
        if probe and self.contract and (asked := contract_check.probe(self.contract)):
            self.predict(
                asked.inputs, asked.signature, version=metadata.version, timeout_s=timeout_s
            )
        return metadata

    def close(self) -> None:
        """Close the connection, unless it was handed in. Closing twice does nothing."""
        self._closed = True
        if self._owned:
            self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ends_at(self, timeout_s: float | None) -> float:
        """Return when a call that starts now has to have its answer, by the monotonic clock."""
        return time.monotonic() + (self._defaults.timeout_s if timeout_s is None else timeout_s)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address.target} model={self._address.model!r}>"

    def _run(self, rpc: Rpc[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._address.target)
        options = self._defaults.for_call(timeout_s, request_id)
        send = self._channel.unary_unary(
            rpc.path,
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer_type.FromString,
        )
        try:
            if self._defaults.hedging:
                answer = first_answer(
                    lambda seconds: send.future(
                        rpc.request, timeout=seconds, metadata=options.metadata
                    ),
                    self._defaults.hedging,
                    options.timeout_s,
                )
            else:
                answer = send(rpc.request, timeout=options.timeout_s, metadata=options.metadata)
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
