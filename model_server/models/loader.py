"""From a version's directory to a model that is ready for calls: loaded, and warmed up."""

from __future__ import annotations

from dataclasses import dataclass

from model_server.models import warmup
from model_server.models.version import Version
from model_server.observation.metrics import Metrics
from model_server.runtimes.runtime import LoadedModel, Runtime


@dataclass(frozen=True)
class Loader:
    """Loads a version and warms it up.

    Attributes:
        runtime: Runs it.
        metrics: Where warm-up is measured; None measures nothing.
        replay: Answers a recorded request.
        warmup_iterations: How often each recorded request is answered; 0 for no warm-up.
    """

    runtime: Runtime
    metrics: Metrics | None
    replay: warmup.Replay
    warmup_iterations: int

    def __call__(self, version: Version) -> LoadedModel:
        """Load a version.

        Raises:
            ServingError: It cannot be loaded, or a recorded request fails.
        """
        model = self.runtime.load(version.path)
        if self.warmup_iterations:
            try:
                warmup.warm_up(
                    model, version.path, self.replay, self.warmup_iterations, self.metrics
                )
            except BaseException:
                model.close()
                raise
        return model
