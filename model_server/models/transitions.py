"""Versions on their way from one state to another: loads, their retries, and unloads."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from model_server.errors import ServingError
from model_server.models.catalog_settings import CatalogSettings
from model_server.models.model import Steps
from model_server.models.states import State
from model_server.models.version import Version
from model_server.runtimes.runtime import LoadedModel

logger = logging.getLogger(__name__)

Load = Callable[[Version], LoadedModel]
"""Loads a version and warms it up; raises ``ServingError``."""


class Transitions:
    """The threads that load and unload versions."""

    def __init__(
        self,
        changed: threading.Condition,
        publish: Callable[[], None],
        load: Load,
        settings: CatalogSettings,
        when_loaded: Callable[[], None],
    ) -> None:
        """Create them, with nothing to do.

        Args:
            changed: The registry's lock; notified when a version has changed its state.
            publish: Called, with the lock held, when calls shall see that change.
            load: Loads a version.
            settings: How many threads, and how often a failed load is tried again.
            when_loaded: Called, without the lock, after each try to load a version.
        """
        self._changed = changed
        self._publish = publish
        self._load = load
        self._settings = settings
        self._when_loaded = when_loaded
        self._loaders = ThreadPoolExecutor(settings.load_threads, "load")
        self._unloaders = ThreadPoolExecutor(settings.unload_threads, "unload")

    def begin(self, steps: Steps) -> None:
        """Begin to load and unload versions. The registry's lock is held."""
        for version in steps.load:
            version.state = State.LOADING
            version.error = None
            version.retry_at = None
            version.attempts += 1
            self._loaders.submit(self._finish_load, version)
        for version in steps.unload:
            version.state = State.UNLOADING
            self._unloaders.submit(self._finish_unload, version)

    def stop(self) -> None:
        """Begin nothing any more; what has begun is not waited for."""
        self._loaders.shutdown(wait=False, cancel_futures=True)
        self._unloaders.shutdown(wait=False, cancel_futures=True)

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
                self._fail(version, error)
            self._publish()
            self._changed.notify_all()
        self._when_loaded()

    def _fail(self, version: Version, error: ServingError) -> None:
        version.error = error
        again = version.attempts <= self._settings.max_load_retries
        if again:
            # As in TensorFlow Serving's loader_harness.cc it stays LOADING meanwhile, and whoever
            # waits for it, at start-up too, waits on.
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

    def _finish_unload(self, version: Version) -> None:
        version.close()
        # Python's graph objects are cyclic and hold the native graph; it goes now, not some day.
        gc.collect()
        with self._changed:
            version.state = State.END
            logger.info("%s is unloaded", version)
            self._changed.notify_all()
