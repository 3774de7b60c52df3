"""Which runtime runs a version; each is loaded when the first version needs it.

TensorFlow takes seconds to import and half a gigabyte, so a server that runs TFLite files alone
never does, and need not have it.
"""

from __future__ import annotations

import gc
import threading
from pathlib import Path

from model_server.errors import UsageError, failed_precondition
from model_server.observation.metrics import Metrics
from model_server.runtimes.runtime import LoadedModel, Runtime
from model_server.runtimes.settings import AUTO, LITERT, RuntimeSettings
from serving_config.extras import missing_extra
from signature_contract.version_files import TFLITE_FILE


class Runtimes:
    """Loads each version into the runtime that the command line chooses for it. Thread-safe."""

    def __init__(self, settings: RuntimeSettings, metrics: Metrics | None) -> None:
        """Prepare the runtime that every version needs, where there is one.

        Args:
            settings: How versions run.
            metrics: Where runtimes measure; None measures nothing.

        Raises:
            UsageError: That runtime is not installed.
            StartError: Its library lacks something.
        """
        self._settings = settings
        self._metrics = metrics
        self._lock = threading.Lock()
        self._loaded: dict[str, Runtime] = {}
        if settings.runtime == LITERT:
            self._runtime("litert")
        elif not (settings.runtime == AUTO and settings.prefers_tflite):
            self._runtime("tensorflow")

    def load(self, path: Path) -> LoadedModel:
        """Load a version; see :meth:`model_server.runtimes.runtime.Runtime.load`."""
        try:
            runtime = self._runtime("litert" if self._runs_on_litert(path) else "tensorflow")
        except UsageError as err:
            raise failed_precondition(str(err)) from err
        return runtime.load(path)

    def _runs_on_litert(self, path: Path) -> bool:
        if self._settings.runtime == AUTO:
            return self._settings.prefers_tflite and (path / TFLITE_FILE).is_file()
        return self._settings.runtime == LITERT

    def _runtime(self, name: str) -> Runtime:
        with self._lock:
            if name not in self._loaded:
                try:
                    self._loaded[name] = self._import(name)
                except ModuleNotFoundError as err:
                    extra = "serve" if name == "tensorflow" else "litert"
                    if (advice := missing_extra(f"the {name} runtime", extra, err)) is None:
                        raise
                    raise UsageError(advice) from err
                # What is imported lives as long as the process: keep the collector away from it, so
                # that a collection after an unload takes a millisecond and not a tenth of a second.
                gc.collect()
                gc.freeze()
            return self._loaded[name]

    def _import(self, name: str) -> Runtime:
        if name == "tensorflow":
            from model_server.runtimes.tensorflow.runtime import TensorFlowRuntime

            return TensorFlowRuntime(self._settings, self._metrics)
        from model_server.runtimes.litert.runtime import LiteRtRuntime

        return LiteRtRuntime(self._settings.interpreters)
