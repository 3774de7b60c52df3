"""The synchronous client."""

from __future__ import annotations

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
from python_client._transport.channels import ChannelOptions, Credentials, open_channel
from python_client._transport.hedging import first_answer
from python_client._transport.status_errors import error_of_status
from python_client.errors import ClientClosedError
from python_client.tensors import Array
from signature_contract.contract import Contract

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
        model: str = "classifier",
        contract: Contract | str | Path | None = None,
        channel: grpc.Channel | None = None,
        timeout_s: float = 10.0,
        credentials: Credentials = None,
        options: ChannelOptions | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        self._rpcs = ModelRpcs(target, model, resolve_contract(contract, model))
        self._defaults = CallDefaults.of(timeout_s, tuple(metadata), channel, credentials, options)
        self._owned = channel is None
        self._channel = channel or open_channel(target, credentials, self._defaults.options)
        self._closed = False

    @property
    def contract(self) -> Contract | None:
        """The contract that requests and answers are checked against."""
        return self._rpcs.contract

    def classify(  # noqa: D417  # what every call takes: see the class
        self,
        images: Images,
        *,
        batch_size: int | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
    ) -> list[Classification]:
        """Classify images.

        Encoded files of any sizes travel in one call; pixels in one call for each size. One file
        that the graph cannot decode fails its whole call.

        Args:
            images: One encoded JPEG or PNG file as bytes; uint8 RGB pixels 0..255, neither resized
                nor normalised, [height, width, 3] or [batch, height, width, 3]; or several files
                and [height, width, 3] arrays, mixed and of different sizes.
            batch_size: Most images in one call, for instance the server's ``max_batch_size``.
                None sets no limit.

        Returns:
            One answer for each image, in the order they came.

        Raises:
            InputError: An image cannot be sent; nothing was.
            ContractBrokenError: The server's classes are not the contract's, or in other order.
            AnswerError: The answer has not the outputs of the contract.
        """
        rpcs = self._rpcs.classify(
            images, batch_size=batch_size, version=version, version_label=version_label
        )
        return self._run_all(rpcs, timeout_s, request_id)

    def detect(  # noqa: D417  # what every call takes: see the class
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
        """Find the objects in images.

        Images travel as they do for :meth:`classify`. The classes have names where the client's
        contract is a published version's; otherwise a label is ``class 1``, ``class 2`` and so on.

        Args:
            images: As for :meth:`classify`.
            min_score: Leave out detections below it, 0..1. The model itself leaves out those below
                the ``score_threshold`` in its contract's parameters.
            batch_size: Most images in one call; None sets no limit.

        Returns:
            For each image, in the order they came, what was found in it, the surest first.
            Boxes are fractions of the original's height and width.

        Raises:
            InputError: An image cannot be sent, ``min_score`` is not in 0..1, or the model is
                no detector; nothing was sent.
            ContractBrokenError: The server's model knows more classes than the contract.
            AnswerError: The outputs or their values are not those of the contract.
        """
        rpcs = self._rpcs.detect(
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return self._run_all(rpcs, timeout_s, request_id)

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
            inputs: Tensor by input name. An array must have the signature's dtype; numbers and
                lists without one take it. Text: ``bytes`` or ``str`` (sent as UTF-8).
            signature: The signature key.
            output_filter: Names of the outputs to compute and return; none means all.

        Returns:
            Array by output name; text as an object array of ``bytes``, bfloat16 as float32.

        Raises:
            InputError: The tensors contradict the contract; nothing was sent.
            AnswerError: The answer cannot be decoded.
        """
        rpc = self._rpcs.predict(
            inputs,
            signature,
            output_filter=output_filter,
            version=version,
            version_label=version_label,
        )
        return self._run(rpc, timeout_s, request_id)

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
        rpc = self._rpcs.metadata(version=version, version_label=version_label)
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
        return self._run(self._rpcs.status(version=version), timeout_s, request_id)

    def check_contract(
        self,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout_s: float | None = None,
    ) -> ModelMetadata:
        """Compare the server's model with the contract.

        Its signatures are compared with what GetModelMetadata declares. Where the contract is a
        classifier's and knows the class names, one tiny image is classified as well, for only
        an answer shows the order of the classes.

        Returns:
            What the server declares.

        Raises:
            ContractBrokenError: With every difference.
            InputError: The client has no contract.
        """
        metadata = self.metadata(version=version, version_label=version_label, timeout_s=timeout_s)
        self._rpcs.check_signatures(metadata)
        if probe := self._rpcs.probe(metadata):
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
        return f"<VisionClient {self._rpcs.target} model={self._rpcs.model!r}>"

    def _run_all(
        self,
        rpcs: Sequence[tuple[tuple[int, ...], Rpc[list[T]]]],
        timeout_s: float | None,
        request_id: str | None,
    ) -> list[T]:
        answers: dict[int, T] = {}
        for positions, rpc in rpcs:
            answered = self._run(rpc, timeout_s, request_id)
            answers.update(zip(positions, answered, strict=True))
        return [answers[position] for position in sorted(answers)]

    def _run(self, rpc: Rpc[T], timeout_s: float | None, request_id: str | None) -> T:
        if self._closed:
            raise ClientClosedError(f"{self} is closed; make another", target=self._rpcs.target)
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
                target=self._rpcs.target,
                model=self._rpcs.model,
                signature=rpc.signature,
                request_id=options.request_id,
                timeout_s=options.timeout_s,
            ) from err
        return rpc.read(answer)
