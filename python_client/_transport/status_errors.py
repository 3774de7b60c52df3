"""The client's error for the status with which gRPC ended a call."""

from __future__ import annotations

import grpc

from python_client._transport.refusals import plain
from python_client.errors import (
    CLASS_OF_CODE,
    CallError,
    DeadlineExceededError,
    UnavailableError,
    UnknownError,
)

_NO_SERVER = (
    "failed to connect to all addresses",
    "errors resolving",
    "DNS resolution failed",
    "connections to all backends failing",
    "empty address list",
)
_BROKEN = (
    "Socket closed",
    "Connection reset",
    "Broken pipe",
    "GOAWAY",
    "End of TCP stream",
    "recvmsg:",
    "sendmsg:",
)


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
    said = plain(details)
    cls = CLASS_OF_CODE.get(code, UnknownError)
    asked = f'{target}, model "{model}"' + (f', signature "{signature}"' if signature else "")
    if cls is UnavailableError:
        message, advice = _unavailable(asked, said)
    else:
        message, advice = f"{code.name} from {asked}: {said}", cls.advice
    if cls is DeadlineExceededError and timeout_s is not None:
        message += f" (deadline {timeout_s:g} s)"
    if request_id:
        message += f" [request {request_id}]"
    if advice:
        message += f"\n  fix: {advice}"
    error = cls(message, target=target, model=model, signature=signature, request_id=request_id)
    error.details = details
    return error


def _unavailable(asked: str, said: str) -> tuple[str, str]:
    """Tell the three kinds of UNAVAILABLE apart, by the words of gRPC's core for two of them."""
    if said.startswith(_NO_SERVER):
        return f"UNAVAILABLE from {asked}: no server answers: {said}", UnavailableError.advice
    if any(words in said for words in _BROKEN):
        return (
            f"UNAVAILABLE from {asked}: the connection broke: {said}",
            "the server ended or restarted, or something between closed the connection",
        )
    return (
        f"UNAVAILABLE from {asked}: {said}",
        "the server is there and cannot answer now: it starts, stops or its queue is full; ask "
        "later, or fewer at once",
    )
