"""The models this server has: which versions are served, and how that changes while it runs.

A watcher compares what the configuration asks for with what is loaded and moves towards it. A new
version is loaded before an old one goes. Calls read an immutable snapshot without a lock, so a swap
never makes one wait or fail.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from model_server.errors import (
    ServingError,
    StartError,
    failed_precondition,
    invalid_argument,
    not_found,
)
from model_server.models.configs import NO_REQUEST_LOGGER, ModelConfig, validate
from model_server.models.planning import ModelVersions, Plan
from model_server.models.versions import State, Version
from model_server.runtimes.runtime import LoadedModel

logger = logging.getLogger(__name__)

_NO_TRANSITION = (
    "Cannot transition to requested config. It is only legal to transition from one "
    "ModelConfigList to another."
)


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


@dataclass(frozen=True)
class _Served:
    """What calls see of a model."""

    versions: Mapping[int, Version]
    newest: Version | None
    labels: Mapping[str, int]


class Catalog:
    """All models of a server by name. Thread-safe."""

    def __init__(self, load: Callable[[Version], LoadedModel], settings: CatalogSettings) -> None:
        """Create an empty catalog.

        Args:
            load: Loads and warms up a version; raises :class:`ServingError`.
            settings: How to behave.
        """
        self._load = load
        self._settings = settings
        self._models: dict[str, ModelVersions] = {}
        self._leaving: list[ModelVersions] = []
        self._served: Mapping[str, _Served] = {}
        self._changed = threading.Condition(threading.RLock())
        self._reload_lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._listeners: list[Callable[[bool], None]] = []
        self._loaders = ThreadPoolExecutor(settings.load_threads, "load")
        self._unloaders = ThreadPoolExecutor(settings.unload_threads, "unload")
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)

    # Calls ------------------------------------------------------------------------------------

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
            version = self._find(spec)
            if version.acquire():
                return version
            # It began to unload between the two lines above; the next snapshot has its successor.

    def _find(self, spec: Any) -> Version:
        served = self._served.get(spec.name)
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            if served is None or served.newest is None:
                raise not_found(f"Servable not found for request: Latest({spec.name})")
            return served.newest
        if choice == "version_label":
            label = spec.version_label
            if served is None or label not in served.labels:
                raise invalid_argument(f"Unrecognized servable version label: {label}")
            number = served.labels[label]
        else:
            number = spec.version.value
        version = served.versions.get(number) if served else None
        if version is None:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {number})")
        return version

    def states(self, name: str) -> list[tuple[int, State, ServingError | None]]:
        """Return number, state and error of each version of a model, newest first.

        A failed load has no error here until it is given up, as in TensorFlow Serving.
        """
        with self._changed:
            model = self._models.get(name)
            known = dict(model.versions) if model else {}
            for leaving in self._leaving:
                if leaving.config.name == name:
                    known = leaving.versions | known
            return [
                (number, version.state, version.error if version.state is State.END else None)
                for number, version in sorted(known.items(), reverse=True)
            ]

    def names(self) -> list[str]:
        """Return the names of the configured models."""
        with self._changed:
            return list(self._models)

    def available(self) -> bool:
        """Tell whether every configured model has an available version."""
        served = self._served
        return all(
            (model := served.get(name)) is not None and model.newest is not None
            for name in self.names()
        )

    def subscribe(self, listener: Callable[[bool], None]) -> None:
        """Have ``listener(available())`` called now and after every change."""
        with self._changed:
            self._listeners.append(listener)
            listener(self.available())

    # Configuration ----------------------------------------------------------------------------

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
            self._apply(configs, look=self._settings.poll_seconds >= 0)
        except ServingError as err:
            raise StartError(err.message) from err
        self._watcher.start()
        names = [config.name for config in configs]
        while self._waiting(names):
            with self._changed:
                self._changed.wait(0.2)
            if failed := self._failed(names):
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
            with self._changed:
                current = {name: model.config for name, model in self._models.items()}
            if messages is None:
                if current:
                    raise failed_precondition(_NO_TRANSITION)
                return False
            configs = validate(messages, current)
            is_changed = configs != list(current.values())
            if is_changed:
                self._apply(configs, look=self._settings.poll_seconds > 0)
            else:
                with self._changed:
                    self._publish({config.name: self._labels(config) for config in configs})
            new = [config.name for config in configs if config.name not in current]
            end = None if deadline_s is None else time.monotonic() + deadline_s
            while not self._stopped and self._waiting(new):
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise ServingError(
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                        f"Models are not available yet: {', '.join(new)}",
                    )
                if not is_wanted():
                    raise ServingError(grpc.StatusCode.CANCELLED, "the caller no longer waits")
                if failed := self._failed(new):
                    raise ServingError(
                        grpc.StatusCode.UNKNOWN,
                        f"Some models did not become available: {{{'; '.join(failed)}}}",
                    )
                with self._changed:
                    self._changed.wait(0.2 if left is None else min(left, 0.2))
            if any(config.logs_requests for config in configs):
                # Where TensorFlow Serving says it too: the models are as the list wants them.
                raise invalid_argument(NO_REQUEST_LOGGER)
            return is_changed

    def _apply(self, configs: list[ModelConfig], look: bool) -> None:
        with self._changed:
            labels = {config.name: self._labels(config) for config in configs}
            old = self._models
            self._models = {}
            for config in configs:
                model = old.pop(config.name, None)
                if model is None:
                    model = ModelVersions(config)
                    logger.info("model %s added, base path %s", config.name, config.base_path)
                model.config = config
                self._models[config.name] = model
            for model in old.values():
                logger.info("model %s removed from the configuration", model.config.name)
                model.wanted = set()
                self._leaving.append(model)
            self._publish(labels)
        if not look:
            logger.warning(
                "--file_system_poll_wait_seconds=%g forbids looking for versions: models that are "
                "not loaded already wait for ever, as in TensorFlow Serving",
                self._settings.poll_seconds,
            )
        self._reconcile(look=look)

    def _labels(self, config: ModelConfig) -> Mapping[str, int]:
        model = self._models.get(config.name)
        served = self._served.get(config.name)
        for label, number in config.labels.items():
            version = model.versions.get(number) if model else None
            if version and version.state is State.AVAILABLE:
                continue
            is_moved = served is not None and served.labels.get(label, number) != number
            if not self._settings.labels_for_unavailable_versions or is_moved:
                raise failed_precondition(
                    f"Request to assign label to version {number} of model {config.name}, which "
                    "is not currently available for inference"
                )
        return config.labels

    def _waiting(self, names: Iterable[str]) -> bool:
        served = self._served
        return any(name not in served or served[name].newest is None for name in names)

    def _failed(self, names: Iterable[str]) -> list[str]:
        """Describe the models among ``names`` none of whose wanted versions can load."""
        with self._changed:
            models = [self._models[name] for name in names if name in self._models]
            return [failure for model in models for failure in model.failures()]

    # Moving from what is to what shall be -------------------------------------------------------

    def _watch(self) -> None:
        period = self._settings.poll_seconds
        while not self._stopped:
            self._wake.wait(period if period > 0 else 1.0)  # failed loads are tried again anyway
            self._wake.clear()
            try:
                self._reconcile(look=period > 0)
            except Exception:
                logger.exception("looking for versions failed; it is tried again")

    def _reconcile(self, look: bool) -> None:
        with self._changed:
            models = list(self._models.values())
        # The disk may be slow or gone, so it is read without the lock.
        findings = [model.look() if look else None for model in models]
        with self._changed:
            if self._stopped:
                return
            now = time.monotonic()
            for model, finding in zip(models, findings, strict=True):
                # A model that left while the disk was read gets no new versions.
                if self._models.get(model.config.name) is model:
                    self._carry_out(model.plan(finding, now))
            for model in self._leaving:
                self._carry_out(model.plan(None, now))
            # Of each removed model the last life is kept, so that GetModelStatus can tell of it.
            last = {model.config.name: model for model in self._leaving}
            self._leaving = [
                model
                for model in self._leaving
                if model is last[model.config.name] or not model.has_ended()
            ]
            self._publish()

    def _carry_out(self, plan: Plan) -> None:
        for version in plan.load:
            self._begin_load(version)
        for version in plan.unload:
            version.state = State.UNLOADING
            self._unloaders.submit(self._finish_unload, version)

    def _begin_load(self, version: Version) -> None:
        version.state = State.LOADING
        version.error = None
        version.retry_at = None
        version.attempts += 1
        self._loaders.submit(self._finish_load, version)

    def _finish_load(self, version: Version) -> None:
        begin = time.monotonic()
        error: ServingError | None = None
        try:
            version.open(self._load(version))
        except ServingError as err:
            error = err
        except Exception as err:
            logger.exception("loading %s failed", version)
            error = ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}")
        seconds = time.monotonic() - begin
        with self._changed:
            if error is None:
                version.state = State.AVAILABLE
                logger.info(
                    "%s is AVAILABLE, loaded in %.2f s from %s", version, seconds, version.path
                )
            else:
                version.error = error
                again = version.attempts <= self._settings.max_load_retries
                if again:
                    # As in TensorFlow Serving's loader_harness.cc it stays LOADING meanwhile, and
                    # whoever waits for it, at start-up too, waits on.
                    version.retry_at = time.monotonic() + self._settings.retry_seconds
                else:
                    version.state = State.END
                logger.error(
                    "Servable {%s %d} cannot be loaded: %s: %s (from %s, %s)",
                    version.model_name,
                    version.number,
                    error.code.name,
                    error.message,
                    version.path,
                    f"next try in {self._settings.retry_seconds:g} s" if again else "given up",
                )
            self._publish()
            self._changed.notify_all()
        self._reconcile(look=False)

    def _finish_unload(self, version: Version) -> None:
        version.close()
        # Python's graph objects are cyclic and hold the native graph; it goes now, not some day.
        gc.collect()
        with self._changed:
            version.state = State.END
            logger.info("%s is unloaded", version)
            self._changed.notify_all()

    def _publish(self, labels: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Replace what calls see by the present state."""
        served: dict[str, _Served] = {}
        for name, model in self._models.items():
            versions = model.available()
            previous = self._served.get(name)
            if labels is not None:
                names = labels.get(name, {})
            else:
                names = previous.labels if previous else {}
            served[name] = _Served(versions, versions[max(versions)] if versions else None, names)
        self._served = served
        self._changed.notify_all()
        is_available = self.available()
        for listener in self._listeners:
            listener(is_available)

    def stop(self) -> None:
        """Take no more changes, let no more calls begin, and free what no call is using.

        What a call still uses is freed by the end of the process, as is a model still loading.
        """
        with self._changed:
            self._stopped = True
            self._served = {}
            versions = [
                version
                for model in (*self._models.values(), *self._leaving)
                for version in model.versions.values()
            ]
            self._changed.notify_all()
        self._wake.set()
        self._loaders.shutdown(wait=False, cancel_futures=True)
        self._unloaders.shutdown(wait=False, cancel_futures=True)
        for version in versions:
            version.close(timeout_s=0)
