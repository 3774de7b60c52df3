"""Copy a run to MLflow, for teams whose runs are all there. An optional extra.

The lineage store stays the record; MLflow gets the same parameters and figures, the version's
``run.json``, ``contract.json`` and ``lineage.json``, and a registered model version that points to
the published directory. The run is there from its beginning, its figures from its end. Of a run
that was killed MLflow hears when the next one of the same store begins.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from export.errors import LineageError, SettingsError
from export.lineage.deadline import START_S, within
from export.lineage.schema import Experiment, Status, flatten
from export.redaction import learn, redact
from signature_contract.version_files import CONTRACT_FILE, LINEAGE_FILE, RUN_FILE, extra

EXPERIMENT = "vision-forge"
_ARTIFACTS = (RUN_FILE, CONTRACT_FILE, LINEAGE_FILE)
# MLflow's limits: characters of a parameter, parameters and metrics in one call.
_LONGEST_PARAMETER = 6000
_MOST_PARAMETERS = 100
_MOST_FIGURES = 1000
_REQUEST_S = 4
_STATUSES = {
    Status.RUNNING: "RUNNING",
    Status.PUBLISHED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.STOPPED: "KILLED",
    Status.CRASHED: "KILLED",
}


class MlflowMirror:
    """An MLflow that can be reached."""

    def __init__(self, uri: str, client: Any, experiment_id: str) -> None:
        """Use :meth:`open`."""
        self._uri, self._client, self._experiment_id = uri, client, experiment_id

    @classmethod
    def open(cls, uri: str) -> MlflowMirror:
        """Connect, and make the MLflow experiment ``vision-forge`` where it is not there.

        Args:
            uri: A tracking URI: ``http://…`` of a server, or ``sqlite:///FILE``.

        Raises:
            SettingsError: MLflow is not installed.
            LineageError: Nobody answers there, or not as MLflow does.
        """
        learn(uri)
        # A training machine reports to nobody whom its owner did not name.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # One request that is never answered; its own defaults wait for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(_REQUEST_S))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        try:
            from mlflow import MlflowClient
        except ImportError as err:
            raise SettingsError(
                "--mlflow-uri needs MLflow: pip install 'vision-forge[mlflow]'"
            ) from err
        # Its import configures its own logging, so this comes after.
        said = logging.getLogger("mlflow")
        said.setLevel(logging.WARNING)
        # What it says goes the way of every other message, which no secret passes.
        said.handlers.clear()
        said.propagate = True

        def connect() -> tuple[Any, str]:
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                return client, client.create_experiment(EXPERIMENT, _artifact_location(uri))
            return client, found.experiment_id

        with _explained(uri):
            if _is_file(uri):  # in a new file MLflow first makes its tables
                return cls(uri, *connect())
            return cls(uri, *within(START_S, f"MLflow at {redact(uri)}", connect))

    def begin(self, experiment: Experiment) -> str:
        """Make a run that MLflow shows as running, with the parameters known so far.

        Args:
            experiment: The run that begins.

        Returns:
            MLflow's id of it, for :meth:`end`.

        Raises:
            LineageError: MLflow did not take it.
        """
        with _explained(self._uri):
            run_id: str = self._client.create_run(
                self._experiment_id,
                start_time=_milliseconds(experiment.created_at),
                run_name=f"{experiment.model}-{experiment.model_id[:8]}",
                tags=_tags(experiment),
            ).info.run_id
            self._log_parameters(experiment, run_id)
        return run_id

    def end(self, run_id: str, experiment: Experiment) -> None:
        """Add how a run ended: tags, parameters, figures, and the version if it has one.

        Raises:
            LineageError: MLflow did not take it.
        """
        with _explained(self._uri):
            self._end(run_id, experiment)

    def log(self, experiment: Experiment) -> None:
        """Copy a published run, unless MLflow has it; one that it shows as not finished it ends.

        Raises:
            LineageError: MLflow did not take it.
        """
        with _explained(self._uri):
            known = self._client.search_runs(
                [self._experiment_id], f"tags.model_id = '{experiment.model_id}'", max_results=1
            )
            if known and known[0].info.status == _STATUSES[Status.PUBLISHED]:
                return
        self.end(known[0].info.run_id if known else self.begin(experiment), experiment)

    def catch_up(self, experiments: Callable[[], Iterable[Experiment]]) -> None:
        """End the runs that MLflow shows as running although they crashed, or it was away.

        Args:
            experiments: Reads what the store holds; not called while MLflow shows none as running.
                Runs of other stores are left as they are.

        Raises:
            LineageError: MLflow cannot be read or did not take it.
        """
        with _explained(self._uri):
            running = self._running()
            if not running:
                return
            ended = {run.model_id: run for run in experiments() if run.status != Status.RUNNING}
            for run in running:
                if experiment := ended.get(run.data.tags.get("model_id", "")):
                    self._end(run.info.run_id, experiment)

    def _running(self) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], "attributes.status = 'RUNNING'", page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _end(self, run_id: str, experiment: Experiment) -> None:
        from mlflow.entities import RunTag

        client = self._client
        client.log_batch(run_id, tags=[RunTag(*tag) for tag in _tags(experiment).items()])
        self._log_parameters(experiment, run_id)
        self._log_figures(experiment, run_id)
        if experiment.status == Status.PUBLISHED and experiment.published_path:
            version_dir = Path(experiment.published_path)
            for name in _ARTIFACTS:
                path = extra(version_dir, name)
                if path.is_file():
                    client.log_artifact(run_id, str(path))
            self._register(experiment, run_id, version_dir)
        client.set_terminated(
            run_id,
            _STATUSES[Status(experiment.status)],
            _milliseconds(experiment.finished_at or experiment.created_at),
        )

    def _log_parameters(self, experiment: Experiment, run_id: str) -> None:
        from mlflow.entities import Param

        # MLflow keeps a parameter's first value; those of the beginning stand already.
        known = self._client.get_run(run_id).data.params
        given = [
            Param(name, value[:_LONGEST_PARAMETER])
            for name, value in parameters(experiment).items()
            if name not in known
        ]
        for start in range(0, len(given), _MOST_PARAMETERS):
            self._client.log_batch(run_id, params=given[start : start + _MOST_PARAMETERS])

    def _log_figures(self, experiment: Experiment, run_id: str) -> None:
        from mlflow.entities import Metric

        ended = _milliseconds(experiment.finished_at or experiment.created_at)
        measured = [Metric(name, value, ended, epoch) for name, value, epoch in figures(experiment)]
        for start in range(0, len(measured), _MOST_FIGURES):
            self._client.log_batch(run_id, metrics=measured[start : start + _MOST_FIGURES])

    def _register(self, experiment: Experiment, run_id: str, version_dir: Path) -> None:
        from mlflow.exceptions import MlflowException

        with contextlib.suppress(MlflowException):  # it is there already
            self._client.create_registered_model(experiment.model)
        self._client.create_model_version(
            experiment.model,
            source=version_dir.as_uri(),
            run_id=run_id,
            tags={
                "model_id": experiment.model_id,
                "published_version": str(experiment.published_version),
            },
        )


def _tags(experiment: Experiment) -> dict[str, str]:
    tags = {
        "model_id": experiment.model_id,
        "status": experiment.status,
        "error": experiment.error,
        "code_version": experiment.code_version,
        "code_commit": experiment.code_commit,
        "resumed_from": experiment.resumed_from or "",
    }
    return {name: value for name, value in tags.items() if value}


def parameters(experiment: Experiment) -> dict[str, str]:
    """Return what went into a run: its settings, one a name, its weights and its data."""
    settings = dict(flatten(experiment.settings))
    columns = {
        name: getattr(experiment, name)
        for name in (
            "base_architecture",
            "pretrained_weights",
            "pretrained_weights_sha256",
            "frozen_layers_count",
            "fine_tuning_start_epoch",
            "learning_rate_phase2",
            "data_fingerprint",
        )
    }
    return {
        name: str(value)
        for name, value in {**settings, **columns}.items()
        if name and value is not None and value != ""  # no settings at all have no name
    }


def figures(experiment: Experiment) -> Iterator[tuple[str, float, int]]:
    """Yield name, value and epoch, counted from 1 through all phases, of every figure."""
    phases = experiment.metrics.get("phases", [])
    histories = (
        phases.values() if isinstance(phases, Mapping) else (phase["history"] for phase in phases)
    )
    epoch = 0
    for history in histories:
        for epoch_figures in history:
            epoch += 1
            for name, value in epoch_figures.items():
                yield name, float(value), epoch
    if experiment.final_accuracy is not None:
        yield f"final_{experiment.accuracy_metric}", experiment.final_accuracy, epoch


def _artifact_location(uri: str) -> str | None:
    """Return where artifacts go: beside a database file; a server decides for itself."""
    try:
        parsed = make_url(uri)
    except (ArgumentError, ValueError):  # a plain path; a port that is no number
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return (Path(parsed.database).resolve().parent / "mlartifacts").as_uri()


def _is_file(uri: str) -> bool:
    return "//" not in uri or uri.startswith(("sqlite:", "file:"))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@contextlib.contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        yield
    except LineageError:
        raise
    except Exception as err:  # its stores raise their own, requests' and SQLAlchemy's errors
        raise LineageError(f"MLflow at {redact(uri)} cannot be used: {redact(str(err))}") from err
