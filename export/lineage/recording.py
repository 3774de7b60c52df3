"""Where a training run is put on record, without loading the database's libraries.

A store that cannot be used stops the run before it begins: an afternoon's training that nobody can
trace is what lineage is there to prevent, and at that moment stopping costs nothing. Once training
is done the model is worth more than its row: it is published all the same, the failure is said
loudly, and the version carries the row (``assets.extra/lineage.json``) for ``lineage import``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.lineage.address import ENVIRONMENT, NO_STORE, file_url
from export.redaction import learn, redact

if TYPE_CHECKING:
    from export.lineage.run import Run


@dataclass(frozen=True)
class Recording:
    """Where a run is put on record.

    Attributes:
        store: URL of the store; empty for ``$VISION_FORGE_LINEAGE`` or, without it, the file
            ``lineage.db`` in ``MODELS``; ``none`` for nowhere.
        mlflow_uri: Tracking URI of an MLflow that gets a copy; empty for none.
    """

    store: str = ""
    mlflow_uri: str = ""

    def __post_init__(self) -> None:
        """See to it that no message shows the secrets in the addresses."""
        learn(self.store)
        learn(self.mlflow_uri)

    def __repr__(self) -> str:
        """Return it without secrets."""
        return f"Recording({redact(self.store)!r}, {redact(self.mlflow_uri)!r})"

    def run(
        self, model: str, settings: Mapping[str, Any], models_dir: Path
    ) -> AbstractContextManager[Run]:
        """Record what happens inside, from its start to whatever end it comes to.

        The row says ``running`` at once; ``published`` when :meth:`Run.published` was called;
        ``failed``, with the error, when an exception leaves the block. A process that is killed
        writes nothing more: its row is marked ``crashed`` when the store is next opened.

        Args:
            model: ``classifier`` or ``detector``.
            settings: All settings, as JSON.
            models_dir: ``MODELS``.

        Returns:
            A context whose value is the run.

        Raises:
            LineageError: The store or MLflow cannot be used; nothing has run.
            SettingsError: One of the addresses is none, or an optional package is missing.
        """
        from export.lineage import run

        url = self.store or os.environ.get(ENVIRONMENT) or file_url(models_dir)
        return run.record(model, settings, "" if url == NO_STORE else url, self.mlflow_uri)
