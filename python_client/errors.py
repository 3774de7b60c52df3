"""What can go wrong when a model is asked, as one tree.

    VisionClientError
      ├── InputError                refused here, nothing was sent (also a ValueError)
      ├── AnswerError               the server answered something that cannot be read
      ├── ContractBrokenError       the server's model is not the one the contract describes
      ├── ClientClosedError         the client was used after close() (also a RuntimeError)
      ├── JvmError                  no Java virtual machine can be used (python_client.java)
      ├── ModelLoadError            a version cannot be loaded into this process (the same)
      └── CallError                 the call ended with a gRPC status; one class a code:
            ├── CancelledError          CANCELLED
            ├── UnknownError            UNKNOWN
            ├── InvalidArgumentError    INVALID_ARGUMENT     graph or server refused the input
            ├── DeadlineExceededError   DEADLINE_EXCEEDED    no answer within timeout_s
            ├── NotFoundError           NOT_FOUND            no such model, version or label
            ├── AlreadyExistsError      ALREADY_EXISTS
            ├── PermissionDeniedError   PERMISSION_DENIED
            ├── ResourceExhaustedError  RESOURCE_EXHAUSTED   no free thread, or a message too large
            ├── FailedPreconditionError FAILED_PRECONDITION
            ├── AbortedError            ABORTED
            ├── OutOfRangeError         OUT_OF_RANGE
            ├── UnimplementedError      UNIMPLEMENTED        another kind of server
            ├── InternalError           INTERNAL
            ├── UnavailableError        UNAVAILABLE          nobody there, or a full queue
            ├── DataLossError           DATA_LOSS
            └── UnauthenticatedError    UNAUTHENTICATED

Every class carries its gRPC code in ``code``; every CallError keeps the server's own words in
``details``, and the grpc.RpcError it came from as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import grpc

from signature_contract.contract import ContractMismatchError, Difference


class VisionClientError(Exception):
    """Base of everything this client raises on its own account.

    Attributes:
        code: The gRPC status that fits the class, or None where no call was involved.
        target: The address that was asked, or empty.
        model: The model that was asked for, or empty.
        signature: The signature key that was asked for, or empty.
        request_id: The ``x-request-id`` the call carried, or empty.
    """

    code: ClassVar[grpc.StatusCode | None] = None

    def __init__(
        self,
        message: str,
        *,
        target: str = "",
        model: str = "",
        signature: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.target = target
        self.model = model
        self.signature = signature
        self.request_id = request_id


class InputError(VisionClientError, ValueError):
    """A request was refused before it was sent.

    Attributes:
        differences: What differs from the contract; empty when no contract was involved.
    """

    code = grpc.StatusCode.INVALID_ARGUMENT
    differences: tuple[Difference, ...] = ()


class AnswerError(VisionClientError):
    """The server answered, and the answer cannot be read as one to this request.

    Attributes:
        differences: What differs from the contract; empty when no contract was involved.
    """

    code = grpc.StatusCode.INTERNAL
    differences: tuple[Difference, ...] = ()


class ContractBrokenError(VisionClientError, ContractMismatchError):
    """The model behind the server differs from the contract.

    Attributes:
        differences: Every difference found, in contract order.
    """

    code = grpc.StatusCode.FAILED_PRECONDITION

    def __init__(
        self,
        subject: str,
        differences: Sequence[Difference] = (),
        *,
        target: str = "",
        model: str = "",
        signature: str = "",
    ) -> None:
        ContractMismatchError.__init__(self, subject, differences)
        self.target = target
        self.model = model
        self.signature = signature
        self.request_id = ""


class ClientClosedError(VisionClientError, RuntimeError):
    """The client was closed; make another."""


class JvmError(VisionClientError):
    """No Java virtual machine can be started or used in this process; the message says why."""


class ModelLoadError(VisionClientError):
    """A version cannot be loaded into this process."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class CallError(VisionClientError):
    """The call ended with a status other than OK.

    Attributes:
        details: The server's (or gRPC's) own words.
    """

    details: str = ""
    advice: ClassVar[str] = ""


class CancelledError(CallError):
    """Somebody cancelled the call."""

    code = grpc.StatusCode.CANCELLED


class UnknownError(CallError):
    """The server failed without saying how."""

    code = grpc.StatusCode.UNKNOWN


class InvalidArgumentError(CallError):
    """The server, or the graph itself, refused the input.

    Attributes:
        position: The place of the image it is about among those of the call, from 0; None where it
            is not about one image.
    """

    code = grpc.StatusCode.INVALID_ARGUMENT
    position: int | None = None

    def of_image(self, position: int, count: int) -> InvalidArgumentError:
        """Return the same error, about one of several images."""
        error = InvalidArgumentError(
            f"image {position} of {count}: {self}",
            target=self.target,
            model=self.model,
            signature=self.signature,
            request_id=self.request_id,
        )
        error.details, error.position = self.details, position
        return error


class DeadlineExceededError(CallError):
    """No answer came within the deadline."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    advice = "give the call a longer timeout_s, or smaller batches; a first call may be cold"


class NotFoundError(CallError):
    """The server has no such model, version or label."""

    code = grpc.StatusCode.NOT_FOUND
    advice = "compare the name, version and label with the server's model_config_file"


class AlreadyExistsError(CallError):
    """What was to be created exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class PermissionDeniedError(CallError):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhaustedError(CallError):
    """No free server thread, or a message beyond a size limit."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    advice = (
        "for a message that is too large: smaller batches, or ChannelOptions(limits="
        "MessageLimits(...)); for an exhausted thread pool: a larger --grpc_max_threads"
    )


class FailedPreconditionError(CallError):
    """The model cannot serve in the state it is in."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AbortedError(CallError):
    """The server gave the call up."""

    code = grpc.StatusCode.ABORTED


class OutOfRangeError(CallError):
    """A value lies outside the range the graph accepts."""

    code = grpc.StatusCode.OUT_OF_RANGE


class UnimplementedError(CallError):
    """The server does not offer this call."""

    code = grpc.StatusCode.UNIMPLEMENTED
    advice = "is it TensorFlow Serving's gRPC port (8500), not its REST port or another service?"


class InternalError(CallError):
    """The server broke one of its own rules."""

    code = grpc.StatusCode.INTERNAL


class UnavailableError(CallError):
    """Nobody answered at the address, or the server's queue stayed full, after all retries."""

    code = grpc.StatusCode.UNAVAILABLE
    advice = "is a server listening there, is the port its gRPC port, does it expect TLS?"


class DataLossError(CallError):
    """Data were lost or corrupted."""

    code = grpc.StatusCode.DATA_LOSS


class UnauthenticatedError(CallError):
    """The caller did not prove who it is."""

    code = grpc.StatusCode.UNAUTHENTICATED
    advice = "pass credentials=TLS(certificate=…, key=…), or the token as metadata"


CLASS_OF_CODE: dict[grpc.StatusCode, type[CallError]] = {
    cls.code: cls for cls in CallError.__subclasses__() if cls.code is not None
}
"""The class for each gRPC status but OK."""
