"""Which versions are loaded and unloaded, and when: the policy as a table.

The first rows are the situations of TensorFlow Serving's own test of its availability-preserving
policy; where the embedded server does otherwise, the row says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from model_server.models.configs import VersionPolicy
from model_server.models.planning import (
    REMEMBERED_ENDED_VERSIONS,
    Plan,
    VersionSnapshot,
    make_plan,
)
from model_server.models.states import State

NOW = 100.0

LOADING = VersionSnapshot(State.LOADING)
READY = VersionSnapshot(State.AVAILABLE)
UNLOADING = VersionSnapshot(State.UNLOADING)
ENDED = VersionSnapshot(State.END)
FAILED = VersionSnapshot(State.END, has_failed=True)
DUE = VersionSnapshot(State.LOADING, has_failed=True, retry_at=NOW)
DUE_LATER = VersionSnapshot(State.LOADING, has_failed=True, retry_at=NOW + 1)

# What is known, what is aspired, what was aspired before the disk was read, what has to happen.
Row = tuple[Mapping[int, VersionSnapshot], set[int], set[int] | None, Plan]

ROWS: dict[str, Row] = {
    # Availability is preserved ----------------------------------------------------------------
    "new versions are loaded, the newest first": (
        {1: UNLOADING, 2: FAILED, 3: READY},
        {3, 4, 5},
        {3},
        Plan(create=(5, 4)),
    ),
    "an old one goes once a new one is ready, while more are loaded": (
        {1: UNLOADING, 2: FAILED, 3: READY, 4: READY},
        {4, 5},
        {4},
        Plan(create=(5,), unload=(3,)),
    ),
    "without any aspired all that is ready goes": (
        {1: ENDED, 2: READY, 3: FAILED},
        set(),
        {2},
        Plan(unload=(2,)),
    ),
    "nothing is done when all is as it shall be or on its way": (
        {1: READY, 2: FAILED, 3: LOADING, 4: UNLOADING, 5: ENDED},
        {1, 2, 3},
        {1, 2, 3},
        Plan(),
    ),
    "the old one stays while the new one loads": ({1: READY, 2: LOADING}, {2}, {2}, Plan()),
    "the old one stays when the new one has failed": ({1: READY, 2: FAILED}, {2}, {2}, Plan()),
    "the old one goes when a new one is ready, though another loads": (
        {1: READY, 2: LOADING, 3: READY},
        {2, 3},
        {2, 3},
        Plan(unload=(1,)),
    ),
    "the old one goes when a new one is ready, though another has failed": (
        {1: READY, 2: FAILED, 3: READY},
        {2, 3},
        {2, 3},
        Plan(unload=(1,)),
    ),
    # TensorFlow Serving keeps one of them and unloads the others, the lowest first.
    "all old ones stay while no new one is ready": (
        {2: READY, 1: READY, 3: FAILED, 4: LOADING},
        {3, 4},
        {3, 4},
        Plan(),
    ),
    "an old one that is not ready is left alone": (
        {1: LOADING, 2: READY},
        {2},
        {2},
        Plan(),
    ),
    # What is found on disk --------------------------------------------------------------------
    "the first version is loaded": ({}, {1}, set(), Plan(create=(1,))),
    "an unread disk has no new versions": ({1: READY}, {1, 2}, None, Plan()),
    "a version that ended is loaded when it is aspired again": (
        {1: ENDED, 2: READY},
        {1, 2},
        {2},
        Plan(create=(1,)),
    ),
    "a version that is still unloading is waited for": (
        {1: UNLOADING, 2: READY},
        {1, 2},
        {2},
        Plan(),
    ),
    "a version that failed for good is not tried at every look": ({1: FAILED}, {1}, {1}, Plan()),
    "a version that failed and came back is loaded": (
        {1: FAILED},
        {1},
        set(),
        Plan(create=(1,)),
    ),
    # Failed loads -----------------------------------------------------------------------------
    "a failed load is tried again when it is due": ({1: DUE}, {1}, {1}, Plan(retry=(1,))),
    "a failed load is tried again when the disk is not read": (
        {1: DUE},
        {1},
        None,
        Plan(retry=(1,)),
    ),
    "a failed load waits until it is due": ({1: DUE_LATER}, {1}, {1}, Plan()),
    "new versions are loaded before failed ones are tried again": (
        {2: DUE},
        {1, 2, 3},
        {2},
        Plan(create=(3, 1), retry=(2,)),
    ),
    "a failed load that is no longer aspired is given up": (
        {1: DUE_LATER, 2: LOADING},
        {2},
        {2},
        Plan(give_up=(1,)),
    ),
    "so is one that is due": ({1: DUE}, set(), {1}, Plan(give_up=(1,))),
    # What a removed model does: nothing is aspired, and its disk is not read.
    "a removed model unloads what is ready and gives up what failed": (
        {1: READY, 2: DUE, 3: LOADING, 4: READY},
        set(),
        None,
        Plan(give_up=(2,), unload=(1, 4)),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_policy(row: Row) -> None:
    versions, aspired, aspired_before, expected = row
    assert make_plan(versions, aspired, aspired_before, NOW) == expected


def test_only_so_many_ended_versions_are_remembered() -> None:
    ended = dict.fromkeys(range(1, REMEMBERED_ENDED_VERSIONS + 4), ENDED)
    assert make_plan(ended, set(), None, NOW) == Plan(forget=(1, 2, 3))


def test_an_aspired_version_is_never_forgotten() -> None:
    failed = dict.fromkeys(range(1, REMEMBERED_ENDED_VERSIONS + 3), FAILED)
    assert make_plan(failed, {1}, {1}, NOW) == Plan(forget=(2,))


def test_a_version_that_is_given_up_counts_as_ended() -> None:
    versions = dict.fromkeys(range(2, REMEMBERED_ENDED_VERSIONS + 2), ENDED) | {1: DUE}
    assert make_plan(versions, set(), None, NOW) == Plan(give_up=(1,), forget=(1,))


@pytest.mark.parametrize(
    ("policy", "aspired"),
    [
        (VersionPolicy(), {12}),
        (VersionPolicy("latest", count=2), {3, 12}),
        (VersionPolicy("latest", count=9), {1, 3, 12}),
        (VersionPolicy("all"), {1, 3, 12}),
        (VersionPolicy("specific", numbers=frozenset({1, 3})), {1, 3}),
        (VersionPolicy("specific", numbers=frozenset({3, 4})), {3}),
        (VersionPolicy("specific", numbers=frozenset({4})), set()),
    ],
    ids=["latest", "latest 2", "latest 9", "all", "specific", "one is missing", "all are missing"],
)
def test_which_versions_on_disk_are_aspired(policy: VersionPolicy, aspired: set[int]) -> None:
    assert policy.choose([3, 12, 1]) == aspired


def test_without_versions_on_disk_none_is_aspired() -> None:
    assert VersionPolicy().choose([]) == set()
