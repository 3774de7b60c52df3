"""The synchronous client of a model of images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import grpc

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._model_client import ModelClient
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


class VisionClient(ModelClient):
    """Asks one model of images: a :class:`ModelClient` that also classifies and detects.

        with VisionClient("localhost:8500") as client:
            (answer,) = client.classify(Path("cat.jpg").read_bytes())
            print(answer.label, answer.probability)

    Arguments and errors are those of :class:`ModelClient`, but for two:

    Args:
        model: The model's name on the server.
        contract: None takes the toolkit's own contract of the model's name, where there is one. A
            published version's also knows the class names, so that their order is checked in
            every answer.
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

    def classify(  # noqa: D417  # what every call takes: see ModelClient
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
        that the graph cannot decode fails its whole call; the error names its place.

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
        rpcs = classify_rpcs(
            self._predictions,
            images,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return self._run_all(rpcs, timeout_s, request_id)

    def detect(  # noqa: D417  # what every call takes: see ModelClient
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
        contract is a published version's; otherwise a label says so: ``unnamed class 1``.

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
        rpcs = detect_rpcs(
            self._predictions,
            images,
            min_score,
            batch_size=batch_size,
            version=version,
            version_label=version_label,
        )
        return self._run_all(rpcs, timeout_s, request_id)

    def _run_all(
        self, calls: ImageCalls[T], timeout_s: float | None, request_id: str | None
    ) -> list[T]:
        answers: dict[int, T] = {}
        for call in calls:
            try:
                ends_at = self._ends_at(timeout_s)
                answered = self._run(call.rpc, timeout_s, request_id)
            except InvalidArgumentError as err:
                raise self._refusal(call, err, ends_at, request_id) from err.__cause__
            answers.update(zip(call.positions, answered, strict=True))
        return [answers[position] for position in sorted(answers)]

    def _refusal(
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
                    self._run(part.rpc, max(ends_at - time.monotonic(), 0.001), request_id)
                    answer = None
                except InvalidArgumentError as err:
                    answer = err
        except StopIteration as found:
            error: InvalidArgumentError = found.value
            return error
        except CallError:  # no time left, or no server: say what is known
            return refusal
