"""Java's exceptions as the errors of the Python client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from python_client._requests.model_address import ModelAddress
from python_client.errors import (
    CLASS_OF_CODE,
    CallError,
    CancelledError,
    ClientClosedError,
    ContractBrokenError,
    InputError,
    InternalError,
    ModelLoadError,
    UnknownError,
    VisionClientError,
)
from python_client.java._values import differences_of

# By the simple name of a Java class; who is not here is what it extends.
_CLASSES: Mapping[str, type[VisionClientError]] = {
    "RequestRefusedException": InputError,
    "InvalidInputException": InputError,
    "IllegalArgumentException": InputError,
    "UnsupportedOperationException": InputError,
    "NullPointerException": InputError,
    "ContractMismatchException": ContractBrokenError,
    "ContractFileException": ModelLoadError,
    "ModelLoadException": ModelLoadError,
    "InferenceException": InternalError,
    "ServerException": CallError,
    "CallInterruptedException": CancelledError,
    "IllegalStateException": ClientClosedError,
    "VisionException": VisionClientError,
    "Throwable": UnknownError,
}


@contextlib.contextmanager
def java_errors(address: ModelAddress, signature: str = "") -> Iterator[None]:
    """Turn what Java throws inside into our errors, which have it as their cause.

    Args:
        address: What is asked.
        signature: The signature key, where the call has one.
    """
    import jpype

    try:
        yield
    except jpype.JException as err:
        raise _error_of(err, address, signature) from err


def _error_of(err: Any, address: ModelAddress, signature: str) -> VisionClientError:
    names = _names(err)
    cls = next(_CLASSES[name] for name in names if name in _CLASSES)
    message = str(err.getMessage() or err.toString())
    if cls is ContractBrokenError:
        return address.broken(None, differences_of(err.differences()), signature)
    if cls is InputError:
        differences = (
            differences_of(err.differences()) if "RequestRefusedException" in names else ()
        )
        return address.input_error(message, signature, differences)
    request_id = ""
    if cls is CallError:
        cls = CLASS_OF_CODE.get(grpc.StatusCode[str(err.code().name())], UnknownError)
        request_id = str(err.requestId())
    error = cls(
        message,
        target=address.target,
        model=address.model,
        signature=signature,
        request_id=request_id,
    )
    if isinstance(error, CallError):
        error.details = message
    return error


def _names(err: Any) -> list[str]:
    """Return the simple names of an exception's class and of all that it extends."""
    names = []
    java_class = err.getClass()
    while java_class is not None:
        names.append(str(java_class.getSimpleName()))
        java_class = java_class.getSuperclass()
    return names
