"""The states a version goes through, with the numbers that GetModelStatus gives them."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """The states of ``ModelVersionStatus.State``, with its numbers."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50
