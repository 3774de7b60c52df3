"""How far a check goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How far a check goes.

    Attributes:
        golden: File of golden requests and answers; None for none.
        tags: Tags of a SavedModel's graph; None for the contract's.
        static: Look at what the model declares only; it is not run.
        hostile: Send requests that break the signature; None does for files, whose processes are
            ours, and not for servers.
        strict: Take what hostile requests show for errors, not for warnings.
        name: The model's name on a server; empty for the contract's.
        ignored: Identifiers of rules that nothing is held to; see :data:`rules.IGNORABLE`.
    """

    golden: Path | None = None
    tags: tuple[str, ...] | None = None
    static: bool = False
    hostile: bool | None = None
    strict: bool = False
    name: str = ""
    ignored: frozenset[str] = frozenset()
