"""What has to happen for a model to serve the versions it shall: a function of what is known.

The policy is TensorFlow Serving's availability-preserving one
(``availability_preserving_policy.cc``), whose word for a version that shall be served is used here:
it is *aspired*. An aspired version is loaded before the one that it replaces is unloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from model_server.models.states import State

# Ended versions stay visible in GetModelStatus, but not without bound.
REMEMBERED_ENDED_VERSIONS = 100


@dataclass(frozen=True)
class VersionSnapshot:
    """A version as it is when a plan is made.

    Attributes:
        state: Where it is.
        has_failed: The last try to load it failed.
        retry_at: When a failed load is due again, on the clock of ``now``; None when it is not.
    """

    state: State
    has_failed: bool = False
    retry_at: float | None = None


@dataclass(frozen=True)
class Plan:
    """What has to happen, each a number of versions in the order in which it is done.

    Attributes:
        create: Versions to make anew from disk and to load, the newest first.
        retry: Versions whose failed load is due again.
        give_up: Versions that nobody waits for any more: no further try, their state is END.
        unload: Versions to unload.
        forget: Ended versions of which GetModelStatus shall no longer tell.
    """

    create: tuple[int, ...] = ()
    retry: tuple[int, ...] = ()
    give_up: tuple[int, ...] = ()
    unload: tuple[int, ...] = ()
    forget: tuple[int, ...] = ()


def make_plan(
    versions: Mapping[int, VersionSnapshot],
    aspired: Set[int],
    aspired_before: Set[int] | None,
    now: float,
) -> Plan:
    """Decide what to do for a model.

    A version that is no longer aspired stays while no aspired one is available. One that failed for
    good is loaded anew only when it came back after it was gone: its files may be others now.

    Args:
        versions: The known versions by number.
        aspired: Numbers of the versions that shall be served.
        aspired_before: The same before the disk was read; None when it was not read, and there are
            no new versions.
        now: The time in seconds.
    """
    create = [
        number
        for number in sorted(aspired, reverse=True)
        if aspired_before is not None
        and _is_new(versions.get(number), came_back=number not in aspired_before)
    ]
    retry = [number for number in versions if number in aspired and _is_due(versions[number], now)]
    is_available = any(
        number in aspired and version.state is State.AVAILABLE
        for number, version in versions.items()
    )
    others = {number: v for number, v in versions.items() if number not in aspired}
    give_up = [number for number, v in others.items() if v.retry_at is not None]
    unload = []
    if is_available or not aspired:
        unload = [number for number, v in others.items() if v.state is State.AVAILABLE]
    ended = [
        number
        for number, version in versions.items()
        if number in give_up or (version.state is State.END and number not in create)
    ]
    old = sorted(ended)[:-REMEMBERED_ENDED_VERSIONS]
    return Plan(
        create=tuple(create),
        retry=tuple(retry),
        give_up=tuple(give_up),
        unload=tuple(unload),
        forget=tuple(number for number in old if number not in aspired),
    )


def _is_new(version: VersionSnapshot | None, came_back: bool) -> bool:
    if version is None:
        return True
    return version.state is State.END and (came_back or not version.has_failed)


def _is_due(version: VersionSnapshot, now: float) -> bool:
    return version.retry_at is not None and version.retry_at <= now
