"""One way to lay out labels in a folder: what every reader is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from export.labels.annotations import Listing
from export.labels.folder import Folder


@dataclass(frozen=True)
class Layout:
    """One way to lay out labels in a folder, and its reader.

    Attributes:
        name: For ``--format`` and for people.
        description: What is looked for.
        is_it: Tells whether a folder has it.
        read: Reads it; raises DataSetError where nothing of it can be used.
    """

    name: str
    description: str
    is_it: Callable[[Folder], bool]
    read: Callable[[Folder], Listing]
