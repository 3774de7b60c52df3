"""What can go wrong, each with the gRPC code a caller sees.

ServingError   an answer to one request: a gRPC code and a message
UsageError     the command line or a file it names cannot be used: exit code 2
StartError     the server cannot start although its configuration is readable: exit code 1
"""

from __future__ import annotations

import grpc

# TensorFlow Serving cuts longer messages (grpc_status_util.cc): a status travels in HTTP/2
# trailers, and clients refuse those above 8 KiB, which would replace the error by another one.
_MESSAGE_LIMIT = 1024
_TRUNCATED = "...TRUNCATED"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class ServingError(Exception):
    """A request cannot be answered.

    Attributes:
        code: The gRPC code of the answer.
        message: What the caller reads, whole; :attr:`status_message` is what travels over gRPC.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Create an error with ``code`` and ``message``."""
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def number(self) -> int:
        """The code as a number, which gRPC and TensorFlow share."""
        return int(self.code.value[0])

    @property
    def status_message(self) -> str:
        """The message, cut where TensorFlow Serving cuts it."""
        if len(self.message) > _MESSAGE_LIMIT:
            return self.message[:_MESSAGE_LIMIT] + _TRUNCATED
        return self.message


def invalid_argument(message: str) -> ServingError:
    """Create the error that most bad requests get."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """Create the error for a model, version or file that does not exist."""
    return ServingError(grpc.StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> ServingError:
    """Create the error for a request that the server's state does not allow."""
    return ServingError(grpc.StatusCode.FAILED_PRECONDITION, message)


def from_code(number: int, message: str) -> ServingError:
    """Create an error from a TensorFlow error code, which has gRPC's numbers."""
    return ServingError(_CODES.get(number, grpc.StatusCode.UNKNOWN), message)


class UsageError(Exception):
    """The command line, or a file it names, cannot be used; the message says where and why."""


class StartError(Exception):
    """The server cannot start, for instance because a model does not load or a port is taken."""
