"""The synchronous client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

from python_client.answers import Classification, ModelMetadata, ModelStatus
from python_client.calls import Call, ModelCalls, resolve_contract
from python_client.channels import ChannelOptions, Credentials, open_channel
from python_client.detections import Detections
from python_client.envelope import Envelope
from python_client.errors import ClientClosedError, from_rpc
from python_client.hedging import first_answer
from python_client.images import Images
from python_client.tensors import Array
from serving_config.contract import Contract

T = TypeVar("T")


class VisionClient:
    """Asks one model of a TensorFlow Serving server.

    Thread-safe: one client, and its connection, may serve any number of threads. Every call has a
    deadline, and is sent again when the server is UNAVAILABLE as ``options.retry`` says.

        with VisionClient("localhost:8500") as client:
            (answer,) = client.classify(Path("cat.jpg").read_bytes())
            print(answer.label, answer.probability)

    Args:
        target: ``host:port``, or any gRPC name such as ``dns:///models:8500``.
        model: The model's name on the server.
        contract: What the model is expected to be: a contract, the name of one of the toolkit's, a
            contract file, or a published version's directory (whose contract also knows the class
            names, so that their order is checked in every answer). None takes the toolkit's own of
            the model's name; where there is none, nothing is checked.
        channel: A channel of yours, which stays open when the client closes. Its own arguments
            then decide on retries, limits and encryption; ``target`` only serves for messages.
        timeout_s: Deadline of a call in seconds, all its attempts together.
        credentials: :class:`python_client.TLS`, or gRPC's own credentials. None does not encrypt.
        options: Retries, hedging, keep-alive, compression, limits, load balancing.
        metadata: Headers for every call, for instance a token.

    Raises:
        ValueError: ``timeout_s`` is not above 0, or ``channel`` comes with ``credentials`` or
            ``options`` that it would ignore.
        serving_config.contract.ContractFileError: The contract cannot be read.
        OSError: A certificate or key file cannot be read.
    """

    def __init__(
        self,
        target: str,
        *,
        model: str = "classifier",
        contract: Contract | str | Path | None = None,
        channel: grpc.Channel | None = None,
        timeout_s: float = 10.0,
        credentials: Credentials = None,
        options: ChannelOptions | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        self._calls = ModelCalls(target, model, resolve_contract(contract, model))
        self._envelope = Envelope.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_channel(target, credentials, self._envelope.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._calls.contract

    def classify(
        self,
        images: Images,
        *,
        batch_size: int | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> list[Classification]:
        """Classify photographs.

        Encoded files of any sizes travel in one call; pixels in one call for each size. One file
        that the graph cannot decode fails its whole call.

        Args:
            images: One encoded JPEG or PNG file as bytes; uint8 RGB pixels 0..255, neither resized
                nor normalised, [height, width, 3] or [batch, height, width, 3]; or several files
                and [height, width, 3] arrays, mixed and of different sizes.
            batch_size: Most photographs in one call, for instance the server's ``max_batch_size``.
                None sets no limit.
            version: Version of the model; None takes the newest.
            version_label: Label of the version instead of its number, for instance ``stable``.
            timeout_s: Deadline of each call in seconds; None takes the client's.
            request_id: Sent as ``x-request-id``; None makes one up.

        Returns:
            One answer for each photograph, in the order they came.

        Raises:
            InputError: A photograph cannot be sent; nothing was.
            ContractBrokenError: The server's classes are not the contract's, or in other order.
            AnswerError: The answer has not the outputs of the contract.
            CallError: The call failed; the subclass says how.
        """
        calls = self._calls.classify(
            images, batch_size=batch_size, version=version, version_label=version_label
        )
        return self._run_all(calls, timeout_s, request_id)

    def detect(
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
        """Find the objects in photographs.

        Pictures travel as they do for :meth:`classify`. The classes have names where the client's
        contract is a published version's; otherwise a label is ``class 1``, ``class 2`` and so on.

        Args:
            images: As for :meth:`classify`.
            min_score: Leave out detections below it, 0..1. The model itself leaves out those below
                the ``score_threshold`` in its contract's parameters.
            batch_size: Most photographs in one call; None sets no limit.
            version: Version of the model; None takes the newest.
            version_label: Label of the version instead of its number, for instance ``stable``.
            timeout_s: Deadline of each call in seconds; None takes the client's.
            request_id: Sent as ``x-request-id``; None makes one up.

        Returns:
            For each photograph, in the order they came, what was found in it, the surest first.
            Boxes are fractions of the original's height and width.

        Raises:
            InputError: A photograph cannot be sent, ``min_score`` is not in 0..1, or the model is
                no detector; nothing was sent.
            ContractBrokenError: The server's model knows more classes than the contract.
            AnswerError: The outputs or their values are not those of the contract.
            CallError: The call failed; the subclass says how.
        """
        calls = self._calls.detect(
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return self._run_all(calls, timeout_s, request_id)

    def predict(
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
            inputs: Tensor by input name. An array must have the signature's dtype; numbers and
                lists without one take it. Text: ``bytes`` or ``str`` (sent as UTF-8).
            signature: The signature key.
            output_filter: Names of the outputs to compute and return; none means all.
            version: Version of the model; None takes the newest.
            version_label: Label of the version instead of its number.
            timeout_s: Deadline in seconds; None takes the client's.
            request_id: Sent as ``x-request-id``; None makes one up.

        Returns:
            Array by output name; text as an object array of ``bytes``, bfloat16 as float32.

        Raises:
            InputError: The tensors contradict the contract; nothing was sent.
            AnswerError: The answer cannot be decoded.
            CallError: The call failed; the subclass says how.
        """
        call = self._calls.predict(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return self._run(call, timeout_s, request_id)

    def metadata(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelMetadata:
        """Ask which signatures the model has.

        Args:
            version: Version of the model; None takes the newest.
            version_label: Label of the version instead of its number.
            timeout_s: Deadline in seconds; None takes the client's.
            request_id: Sent as ``x-request-id``; None makes one up.

        Raises:
            CallError: The call failed; the subclass says how.
            AnswerError: The answer holds no signatures.
        """
        call = self._calls.metadata(version=version, version_label=version_label)
        return self._run(call, timeout_s, request_id)

    def status(
        self,
        *,
        version: int | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> ModelStatus:
        """Ask for the state of the model's versions.

        Args:
            version: Ask only about this version; None asks about all.
            timeout_s: Deadline in seconds; None takes the client's.
            request_id: Sent as ``x-request-id``; None makes one up.

        Raises:
            CallError: The call failed; NotFoundError where the server has no such model.
        """
        return self._run(self._calls.status(version=version), timeout_s, request_id)

    def check_contract(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
    ) -> ModelMetadata:
        """Compare the server's model with the contract.

        Its signatures are compared with what GetModelMetadata declares. Where the contract is a
        classifier's and knows the class names, one tiny picture is classified as well, for only
        an answer shows the order of the classes.

        Args:
            version: Version of the model; None takes the newest.
            version_label: Label of the version instead of its number.
            timeout_s: Deadline of each call in seconds; None takes the client's.

        Returns:
            What the server declares.

        Raises:
            ContractBrokenError: With every difference.
            InputError: The client has no contract.
            CallError: A call failed; the subclass says how.
        """
        metadata = self.metadata(version=version, version_label=version_label, timeout_s=timeout_s)
        self._calls.check_signatures(metadata)
        if probe := self._calls.probe(metadata):
            self._run(probe, timeout_s, None)
        return metadata

    def close(self) -> None:
        """Close the connection, unless it was handed in. Closing twice does nothing."""
        self._closed = True
        if self._owned:
            self._channel.close()

    def __enter__(self) -> VisionClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<VisionClient {self._calls.target} model={self._calls.model!r}>"

    def _run_all(
        self,
        calls: Sequence[tuple[tuple[int, ...], Call[list[T]]]],
        timeout_s: float | None,
        request_id: str | None,
    ) -> list[T]:
        answers: dict[int, T] = {}
        for positions, call in calls:
            answered = self._run(call, timeout_s, request_id)
            answers.update(zip(positions, answered, strict=True))
        return [answers[position] for position in sorted(answers)]

    def _run(self, call: Call[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._calls.target)
        sending = self._envelope.address(timeout_s, request_id)
        rpc = self._channel.unary_unary(
            call.path,
            request_serializer=type(call.request).SerializeToString,
            response_deserializer=call.answer_type.FromString,
        )
        try:
            if self._envelope.hedging:
                answer = first_answer(
                    lambda seconds: rpc.future(
                        call.request, timeout=seconds, metadata=sending.metadata
                    ),
                    self._envelope.hedging,
                    sending.timeout_s,
                )
            else:
                answer = rpc(call.request, timeout=sending.timeout_s, metadata=sending.metadata)
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
