"""The client's error for the status with which gRPC ended a call."""

from __future__ import annotations

import grpc

from python_client.errors import CLASS_OF_CODE, CallError, DeadlineExceededError, UnknownError


def error_of_status(
    err: grpc.RpcError,
    *,
    target: str,
    model: str,
    signature: str = "",
    request_id: str = "",
    timeout_s: float | None = None,
) -> CallError:
    """Convert what gRPC raised; raise the result ``from`` it.

    Args:
        err: The error of a finished call, synchronous or asyncio.
        target: The address that was asked.
        model: The model that was asked for.
        signature: The signature key, where the call had one.
        request_id: The call's ``x-request-id``.
        timeout_s: The call's deadline in seconds, for the message.

    Returns:
        An instance of the class for the call's status.
    """
    code = err.code() if hasattr(err, "code") else grpc.StatusCode.UNKNOWN
    details = (err.details() if hasattr(err, "details") else str(err)) or "(no message)"
    cls = CLASS_OF_CODE.get(code, UnknownError)
    asked = f'{target}, model "{model}"' + (f', signature "{signature}"' if signature else "")
    message = f"{code.name} from {asked}: {details}"
    if cls is DeadlineExceededError and timeout_s is not None:
        message += f" (deadline {timeout_s:g} s)"
    if request_id:
        message += f" [request {request_id}]"
    if cls.advice:
        message += f"\n  fix: {cls.advice}"
    error = cls(message, target=target, model=model, signature=signature, request_id=request_id)
    error.details = details
    return error
