"""The models this server has: which versions are served, and how that changes while it runs.

Its parts: the :mod:`registry <model_server.models.registry>` knows what there is, the
:mod:`watcher <model_server.models.watching>` compares that with what the configuration asks for,
:mod:`plans <model_server.models.planning>` say what to do, :mod:`transitions
<model_server.models.transitions>` do it, and the :mod:`publication
<model_server.models.publication>` is what calls see. They read it without a lock, so a swap never
makes one wait or fail.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from model_server.errors import (
    ServingError,
    StartError,
    failed_precondition,
    invalid_argument,
)
from model_server.models.catalog_settings import CatalogSettings
from model_server.models.configs import NO_REQUEST_LOGGER, ModelConfig, validate
from model_server.models.labels import check_labels
from model_server.models.lookup import are_available, find
from model_server.models.publication import Publication
from model_server.models.registry import Registry
from model_server.models.states import State
from model_server.models.transitions import Load, Transitions
from model_server.models.version import Version
from model_server.models.watching import Watcher

logger = logging.getLogger(__name__)

_NO_TRANSITION = (
    "Cannot transition to requested config. It is only legal to transition from one "
    "ModelConfigList to another."
)

# Who waits for models looks this often whether somebody still waits for the answer.
_LOOK_S = 0.2


class Catalog:
    """All models of a server by name. Thread-safe."""

    def __init__(self, load: Load, settings: CatalogSettings) -> None:
        """Create an empty catalog.

        Args:
            load: Loads and warms up a version; raises :class:`ServingError`.
            settings: How to behave.
        """
        self._settings = settings
        self._registry = Registry()
        self._publication = Publication(self._registry)
        self._transitions = Transitions(
            self._registry.changed,
            self._publication.publish,
            load,
            settings,
            when_loaded=lambda: self._watcher.reconcile(look=False),
        )
        self._watcher = Watcher(
            self._registry,
            self._transitions.begin,
            self._publication.publish,
            settings.poll_seconds,
        )
        self._reload_lock = threading.Lock()

    def lease(self, spec: Any) -> Version:
        """Find the version a ``ModelSpec`` means and begin a call on it.

        Args:
            spec: Name, and optionally a version or a label; without either the newest available.

        Returns:
            The version; use it in a ``with`` statement, which ends the call.

        Raises:
            ServingError: INVALID_ARGUMENT (no name, unknown label) or NOT_FOUND.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        while True:
            version = find(self._publication.served, spec)
            if version.acquire():
                return version
            # It began to unload between the two lines above; the next snapshot has its successor.

    def states(self, name: str) -> list[tuple[int, State, ServingError | None]]:
        """Return number, state and error of each version of a model, newest first.

        A failed load has no error here until it is given up, as in TensorFlow Serving.
        """
        with self._registry.changed:
            return self._registry.states(name)

    def configs(self) -> list[ModelConfig]:
        """Return the list of models that is in force."""
        with self._registry.changed:
            return [model.config for model in self._registry.models.values()]

    def subscribe(self, listener: Callable[[bool], None]) -> None:
        """Have ``listener`` told now and after every change whether all models are available."""
        self._publication.subscribe(listener)

    def start(self, configs: Iterable[ModelConfig]) -> None:
        """Serve these models: load them, wait for them, then watch the disk.

        Args:
            configs: The models.

        Raises:
            StartError: A model has no version that loads, or a label may not be assigned.
        """
        configs = list(configs)
        try:
            # A negative poll_seconds means there: never, at start-up neither.
            self._configure(configs, look=self._settings.poll_seconds >= 0)
        except ServingError as err:
            raise StartError(err.message) from err
        self._watcher.start()
        names = [config.name for config in configs]
        while not are_available(self._publication.served, names):
            with self._registry.changed:
                self._registry.changed.wait(_LOOK_S)
                failed = self._registry.failures(names)
            if failed:
                raise StartError(
                    f"{len(failed)} servable(s) did not become available: {'; '.join(failed)}"
                )

    def reload(
        self,
        messages: Iterable[Any] | None,
        deadline_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Replace the whole list of models and wait for those that are new.

        Args:
            messages: ``ModelConfig`` messages; None is a configuration without a list.
            deadline_s: Longest wait for new models in seconds; None waits for ever.
            is_wanted: Asked while it waits; False ends the wait, the list stays in force.

        Returns:
            Whether the list differs from the one that was in force.

        Raises:
            ServingError: The list is not allowed (nothing changes then), or a new model did not
                become available (the list stays in force).
        """
        with self._reload_lock:
            with self._registry.changed:
                current = {name: model.config for name, model in self._registry.models.items()}
            if messages is None:
                if current:
                    raise failed_precondition(_NO_TRANSITION)
                return False
            configs = validate(messages, current)
            is_changed = configs != list(current.values())
            if is_changed:
                self._configure(configs, look=self._settings.poll_seconds > 0)
            else:
                with self._registry.changed:
                    self._check_labels(configs)
                    self._publish(configs)
            new = [config.name for config in configs if config.name not in current]
            self._wait_for(new, deadline_s, is_wanted)
            if any(config.logs_requests for config in configs):
                # Where TensorFlow Serving says it too: the models are as the list wants them.
                raise invalid_argument(NO_REQUEST_LOGGER)
            return is_changed

    def _wait_for(
        self, names: list[str], deadline_s: float | None, is_wanted: Callable[[], bool]
    ) -> None:
        """Wait until models are available, for as long as somebody waits with us."""
        end = None if deadline_s is None else time.monotonic() + deadline_s
        while not self._registry.has_stopped:
            if are_available(self._publication.served, names):
                return
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise ServingError(
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    f"Models are not available yet: {', '.join(names)}",
                )
            if not is_wanted():
                raise ServingError(grpc.StatusCode.CANCELLED, "the caller no longer waits")
            with self._registry.changed:
                if failed := self._registry.failures(names):
                    raise ServingError(
                        grpc.StatusCode.UNKNOWN,
                        f"Some models did not become available: {{{'; '.join(failed)}}}",
                    )
                self._registry.changed.wait(_LOOK_S if left is None else min(left, _LOOK_S))

    def _configure(self, configs: list[ModelConfig], look: bool) -> None:
        with self._registry.changed:
            self._check_labels(configs)
            self._registry.configure(configs)
            self._publish(configs)
        if not look:
            logger.warning(
                "--file_system_poll_wait_seconds=%g forbids looking for versions: models that are "
                "not loaded already wait for ever, as in TensorFlow Serving",
                self._settings.poll_seconds,
            )
        self._watcher.reconcile(look=look)

    def _check_labels(self, configs: Iterable[ModelConfig]) -> None:
        for config in configs:
            check_labels(
                config,
                self._registry.models.get(config.name),
                self._publication.served.get(config.name),
                self._settings.labels_for_unavailable_versions,
            )

    def _publish(self, configs: Iterable[ModelConfig]) -> None:
        self._publication.publish({config.name: config.labels for config in configs})

    def stop(self) -> None:
        """Take no more changes, let no more calls begin, and free what no call is using.

        What a call still uses is freed by the end of the process, as is a model still loading.
        """
        with self._registry.changed:
            self._registry.has_stopped = True
            self._publication.withdraw()
            versions = self._registry.versions()
            self._registry.changed.notify_all()
        self._watcher.stop()
        self._transitions.stop()
        for version in versions:
            version.close(timeout_s=0)
