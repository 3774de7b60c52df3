"""Hedged calls: a second attempt before the first has failed (gRFC A6's ``hedgingPolicy``).

gRPC's core does not act on that policy, so attempts are started here, over the same channel, where
``round_robin`` sends each to another backend.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Callable
from typing import Any

import grpc

from python_client._transport.policies import HedgingPolicy


def first_answer(start: Callable[[float], Any], policy: HedgingPolicy, timeout_s: float) -> Any:
    """Start attempts until one succeeds; cancel the others.

    Args:
        start: Starts one attempt with the seconds it may take; returns its ``grpc.Future``.
        policy: How many attempts, and when.
        timeout_s: Seconds for all of them together.

    Returns:
        The first good answer.

    Raises:
        grpc.RpcError: The first fatal failure, or the last of the non-fatal ones.
    """
    deadline = time.monotonic() + timeout_s
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    attempts: list[Any] = []
    failed = 0
    try:
        while True:
            if len(attempts) < policy.max_attempts:
                attempts.append(start(max(deadline - time.monotonic(), 0.0)))
                attempts[-1].add_done_callback(finished.put)
            more = len(attempts) < policy.max_attempts
            try:
                attempt = finished.get(timeout=policy.delay_s if more else None)
            except queue.Empty:
                continue
            failed += 1
            fatal = attempt.code().name not in policy.non_fatal_status_codes
            if fatal or (failed == len(attempts) and not more):
                return attempt.result()
    finally:
        for attempt in attempts:
            attempt.cancel()


async def first_answer_async(
    start: Callable[[float], Any], policy: HedgingPolicy, timeout_s: float
) -> Any:
    """Do as :func:`first_answer`, for ``grpc.aio`` calls."""
    deadline = time.monotonic() + timeout_s
    attempts: list[asyncio.Future[Any]] = []
    pending: set[asyncio.Future[Any]] = set()
    try:
        while True:
            if len(attempts) < policy.max_attempts:
                call = start(max(deadline - time.monotonic(), 0.0))
                attempts.append(asyncio.ensure_future(_awaited(call)))
                pending.add(attempts[-1])
            more = len(attempts) < policy.max_attempts
            done, pending = await asyncio.wait(
                pending,
                timeout=policy.delay_s if more else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            fatal = [a for a in done if not _may_be_followed(a.exception(), policy)]
            if fatal or not (pending or more):
                return min(fatal or done, key=attempts.index).result()
    finally:
        for attempt in attempts:
            attempt.cancel()


def _may_be_followed(error: BaseException | None, policy: HedgingPolicy) -> bool:
    return (
        isinstance(error, grpc.aio.AioRpcError)
        and error.code().name in policy.non_fatal_status_codes
    )


async def _awaited(call: Any) -> Any:
    return await call
