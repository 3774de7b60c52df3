"""How a catalog behaves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogSettings:
    """How a catalog behaves.

    Attributes:
        poll_seconds: Time between looks at the disk; 0 looks once, at start-up, negative never.
        load_threads: Versions loaded at the same time.
        unload_threads: Versions unloaded at the same time.
        max_load_retries: How often a failed load is tried again.
        retry_seconds: Time between those tries.
        labels_for_unavailable_versions: A new label may point to a version not yet available.
    """

    poll_seconds: float = 1.0
    load_threads: int = 2
    unload_threads: int = 1
    max_load_retries: int = 5
    retry_seconds: float = 60.0
    labels_for_unavailable_versions: bool = False
