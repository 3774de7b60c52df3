"""Where the store of runs is, when nobody names it and when somebody does.

It stands below everything else of lineage: the options that ask for a store, the run that opens it
and the database that cannot find it all speak of the same names.
"""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = "VISION_FORGE_LINEAGE"
"""The environment variable that holds a store's URL."""

FILE_NAME = "lineage.db"
"""Name of the SQLite file in ``MODELS`` that is taken where nothing else is named."""

NO_STORE = "none"
"""What is written instead of a URL for no store at all."""


def file_url(models_dir: Path) -> str:
    """Return the URL of the store in a ``MODELS`` directory."""
    return f"sqlite:///{models_dir.resolve() / FILE_NAME}"
