"""One training run that is being recorded."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from export.errors import LineageError
from export.lineage import facts
from export.lineage.deadline import END_S, within
from export.lineage.mlflow_mirror import MlflowMirror
from export.lineage.schema import Experiment, Status, storable
from export.lineage.store import Store
from export.stopping import stoppable
from export.training.work import Work
from signature_contract.version_files import EXTRA, LINEAGE_FILE

log = logging.getLogger(__name__)


@contextlib.contextmanager
def record(
    model: str, settings: Mapping[str, Any], store_url: str, mlflow_uri: str
) -> Iterator[Run]:
    """Record what happens inside; see :meth:`export.lineage.recording.Recording.run`.

    Args:
        model: ``classifier`` or ``detector``.
        settings: All settings, as JSON.
        store_url: URL of the store; empty for none.
        mlflow_uri: Tracking URI of an MLflow; empty for none.
    """
    with stoppable():
        yield from _recorded(model, settings, store_url, mlflow_uri)


def _recorded(
    model: str, settings: Mapping[str, Any], store_url: str, mlflow_uri: str
) -> Iterator[Run]:
    store = Store.open(store_url) if store_url else None
    mlflow = MlflowMirror.open(mlflow_uri) if mlflow_uri else None
    experiment = Experiment(
        model_id=str(uuid.uuid4()),
        status=Status.RUNNING,
        error="",
        created_at=datetime.now(UTC),
        metrics={},
        **storable(facts.at_start(model, settings)),
    )
    run = Run(experiment, store, mlflow)
    # The lock comes first: a row that says running and has no lock is a crash.
    with store.running(experiment) if store else nullcontext():
        if store:
            store.save(experiment)
            log.info("lineage: run %s in %s", experiment.model_id, store.url)
        try:
            run.show_in_mlflow()
            yield run
        except BaseException as err:
            run.failed(err)
            raise
        if not run.is_published:
            run.failed(RuntimeError("the run ended without publishing"))


@dataclass
class Run:
    """A run that is being recorded.

    Attributes:
        experiment: Its row.
    """

    experiment: Experiment
    _store: Store | None
    _mlflow: MlflowMirror | None
    _mlflow_run_id: str = ""  # empty: MLflow has no run to end
    _started: float = field(default_factory=time.monotonic)
    _problems: list[str] = field(default_factory=list)
    _before_s: float = 0.0  # what the runs took that this one goes on from

    @property
    def model_id(self) -> str:
        """The UUID that the row and the published graph share."""
        return self.experiment.model_id

    @property
    def is_published(self) -> bool:
        """Whether :meth:`published` was called."""
        return self.experiment.published_version is not None

    def show_in_mlflow(self) -> None:
        """Let MLflow, if one gets a copy, show the run as running, and earlier ones as ended.

        Raises:
            LineageError: MLflow did not take it.
        """
        if self._mlflow:
            if self._store:
                self._mlflow.catch_up(self._store.experiments)
            self._mlflow_run_id = self._mlflow.begin(self.experiment)

    def take_over(self, work: Work) -> None:
        """Name the run that a working directory is from, and count its time.

        Args:
            work: The directory, taken. It notes this run for whoever goes on from it.
        """
        earlier = work.take_over(self.model_id, self._elapsed)
        if earlier:
            self._before_s = earlier.seconds
            self._set(resumed_from=earlier.model_id)
            if self._store:  # now: a run that is killed says nothing later
                self._try(self._store.url, partial(self._store.save, self.experiment))
            log.info("lineage: goes on from run %s (%.0f s)", earlier.model_id[:8], earlier.seconds)

    def seal(self, version_dir: Path, record: Mapping[str, Any], accuracy: float) -> None:
        """Write the run's id and its row into the version, before the version is verified.

        Args:
            version_dir: Where the version is being written; its SavedModel is there.
            record: What ``run.json`` holds.
            accuracy: Of the kept weights on the validation data; a detector's is its mAP@0.5.
        """
        from export.lineage import identity  # loads TensorFlow

        self._set(**storable(facts.of_outcome(record, accuracy)), duration_s=self._elapsed())
        identity.stamp(version_dir, self.model_id)
        # Nobody reads the file unless the version is published, so that is what it says. Its
        # number is not known yet; it is the directory's name.
        row = {
            **self.experiment.to_json(),
            "status": Status.PUBLISHED,
            "finished_at": datetime.now(UTC).isoformat(),
        }
        extra = version_dir / EXTRA
        extra.mkdir(exist_ok=True)
        (extra / LINEAGE_FILE).write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")

    def published(self, version: int, path: Path) -> None:
        """Record where the version is. Never raises: the version is in place whatever happens."""
        self._end(
            Status.PUBLISHED, "", published_version=version, published_path=storable(str(path))
        )
        if self._problems:
            log.error(
                "lineage: %s. The version is published at %s and carries its record; "
                "when the store is back: python -m export lineage import %s",
                "; ".join(self._problems),
                path,
                path,
            )

    def failed(self, error: BaseException) -> None:
        """Record why nothing was published; a version that is in place stays published."""
        if self.is_published:
            return
        if isinstance(error, KeyboardInterrupt):
            self._end(Status.STOPPED, str(error) or "interrupted")
        else:
            self._end(Status.FAILED, storable(f"{type(error).__name__}: {error}"))
        for problem in self._problems:
            log.error("lineage: %s", problem)

    def to_json(self) -> dict[str, Any]:
        """Return the run's part of the command's result."""
        return {
            "model_id": self.model_id,
            "store": self._store.url if self._store else None,
            "problems": list(self._problems),
        }

    def _end(self, status: Status, error: str, **columns: Any) -> None:
        self._set(
            status=status,
            error=error,
            finished_at=datetime.now(UTC),
            duration_s=self._elapsed(),
            **columns,
        )
        if self._store:
            self._try(self._store.url, partial(self._store.save, self.experiment))
        if self._mlflow_run_id and self._mlflow:
            end = partial(self._mlflow.end, self._mlflow_run_id, self.experiment)
            self._try("MLflow", end)

    def _try(self, who: str, tell: Callable[[], None]) -> None:
        """Tell somebody about the run; keep why that was not possible."""
        try:
            within(END_S, who, tell)
        except LineageError as err:
            self._problems.append(str(err))

    def _set(self, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(self.experiment, name, value)

    def _elapsed(self) -> float:
        return round(self._before_s + time.monotonic() - self._started, 3)
