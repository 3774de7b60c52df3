"""From a version's directory to a model that is ready for calls: loaded, and warmed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_server.models import warmup
from model_server.models.version import Version
from model_server.observation.metrics import Metrics
from model_server.runtimes.tensorflow.batch_scheduler import BatchScheduler
from model_server.runtimes.tensorflow.saved_model import SavedModel
from model_server.runtimes.tensorflow.session import SessionThreads


@dataclass(frozen=True)
class Loader:
    """Loads a version and warms it up.

    Attributes:
        tags: Tags of the meta graph to load.
        threads: Sizes of a session's thread pools.
        batches: Joins requests; None runs each alone.
        metrics: Where batches and warm-up are measured; None measures nothing.
        replay: Answers a recorded request.
        warmup_iterations: How often each recorded request is answered; 0 for no warm-up.
    """

    tags: Sequence[str]
    threads: SessionThreads
    batches: BatchScheduler | None
    metrics: Metrics | None
    replay: warmup.Replay
    warmup_iterations: int

    def __call__(self, version: Version) -> SavedModel:
        """Load a version.

        Raises:
            ServingError: It cannot be loaded, or a recorded request fails.
        """
        model = SavedModel(version.path, self.tags, self.threads, self.batches, self.metrics)
        if self.warmup_iterations:
            try:
                warmup.warm_up(
                    model, version.path, self.replay, self.warmup_iterations, self.metrics
                )
            except BaseException:
                model.close()
                raise
        return model
