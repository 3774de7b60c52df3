"""Moving, again and again, from the versions that are there to those that shall be."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from model_server.models.model import Steps
from model_server.models.registry import Registry

logger = logging.getLogger(__name__)


class Watcher:
    """Looks at the disk, plans for each model, and has the plans carried out."""

    def __init__(
        self,
        registry: Registry,
        begin: Callable[[Steps], None],
        publish: Callable[[], None],
        poll_seconds: float,
    ) -> None:
        """Create it; :meth:`start` begins.

        Args:
            registry: The models.
            begin: Called, with the registry's lock held, with what has to be done for a model.
            publish: Called, with the lock held, when calls shall see what has changed.
            poll_seconds: Time between looks at the disk; 0 and below never looks.
        """
        self._registry = registry
        self._begin = begin
        self._publish = publish
        self._poll_seconds = poll_seconds
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Watch until :meth:`stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the registry has stopped."""
        self._wake.set()

    def _watch(self) -> None:
        period = self._poll_seconds
        while not self._registry.has_stopped:
            self._wake.wait(period if period > 0 else 1.0)  # failed loads are tried again anyway
            self._wake.clear()
            try:
                self.reconcile(look=period > 0)
            except Exception:
                logger.exception("looking for versions failed; it is tried again")

    def reconcile(self, look: bool) -> None:
        """Begin what the plans of all models say.

        Args:
            look: Read the disk before.
        """
        registry = self._registry
        with registry.changed:
            models = list(registry.models.values())
        # The disk may be slow or gone, so it is read without the lock.
        findings = [model.look() if look else None for model in models]
        with registry.changed:
            if registry.has_stopped:
                return
            now = time.monotonic()
            for model, finding in zip(models, findings, strict=True):
                # A model that left while the disk was read gets no new versions.
                if registry.models.get(model.config.name) is model:
                    self._begin(model.plan(finding, now))
            for model in registry.leaving:
                self._begin(model.plan(None, now))
            registry.forget_gone()
            self._publish()
