"""A process among those of ``--processes``: what it asks its supervisor and answers to it."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import protos
from model_server.api.administration import Administration
from model_server.models.catalog import Catalog
from model_server.models.configs import ModelConfig, to_message, validate
from model_server.observation.metrics import Metrics
from model_server.processes import control


@dataclass(frozen=True)
class Place:
    """Where a process is among those of a server, as its supervisor tells it.

    Attributes:
        folder: Where the sockets of all processes are.
        number: The process's, from 1.
        supervisor_alive: A pipe's descriptor that nobody writes to: when it ends, so has the
            supervisor, and the process stops as by Ctrl-C.
    """

    folder: Path
    number: int
    supervisor_alive: int


class Membership:
    """What a process asks its supervisor, and answers to it."""

    def __init__(self, place: Place) -> None:
        """Take the place."""
        self._place = place
        self._number = b"%d" % place.number
        self._supervisor = control.Peer(place.folder, control.SUPERVISOR)
        self._server: control.ControlServer | None = None
        threading.Thread(target=_follow, args=(place.supervisor_alive,), daemon=True).start()

    def configs(self) -> list[ModelConfig]:
        """Ask which models the server has now."""
        # A list that is being put into force is waited for.
        answer = self._supervisor.call(control.BEGIN, self._number, timeout_s=None)
        return validate(
            protos.ModelServerConfig.FromString(answer).model_config_list.config, current={}
        )

    @property
    def administration(self) -> Administration:
        """Answers ModelService for all processes."""
        return self._supervisor

    def join(self, own: Administration, catalog: Catalog, metrics: Metrics | None) -> None:
        """Let the supervisor ask this process.

        Args:
            own: Answers ModelService for this process alone.
            catalog: Its models.
            metrics: What it counts.
        """

        def models(_: bytes) -> bytes:
            return server_config(catalog.configs())

        def snapshot(_: bytes) -> bytes:
            return json.dumps(metrics.snapshot() if metrics else {}).encode()

        self._server = control.ControlServer(
            self._place.folder,
            str(self._place.number),
            own,
            {control.MODELS: models, control.METRICS: snapshot},
        )

    def ready(self) -> None:
        """Say that every model is available, and return when calls may be taken.

        A list that came while the models were loading is in force by then.
        """
        self._supervisor.call(control.READY, self._number, timeout_s=None)

    def metrics_page(self) -> str:
        """Return Prometheus's text, summed over the processes.

        Raises:
            ServingError: The supervisor does not answer.
        """
        return self._supervisor.call(control.METRICS_PAGE, timeout_s=2 * control.ANSWER_S).decode()


def server_config(configs: list[ModelConfig]) -> bytes:
    """Return a list of models as a serialised ``ModelServerConfig``."""
    message = protos.ModelServerConfig()
    message.model_config_list.config.extend(map(to_message, configs))
    written: bytes = message.SerializeToString()
    return written


def _follow(supervisor_alive: int) -> None:
    os.read(supervisor_alive, 1)
    os.kill(os.getpid(), signal.SIGINT)  # a second one ends at once: the supervisor has not waited
