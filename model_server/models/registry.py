"""All models of a server, those that leave it too, and the lock that guards them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

from model_server.errors import ServingError
from model_server.models.configs import ModelConfig
from model_server.models.model import Model
from model_server.models.states import State
from model_server.models.version import Version

logger = logging.getLogger(__name__)


class Registry:
    """The models by name. Everything in here is read and changed with :attr:`changed` held.

    Attributes:
        changed: The lock; notified when a version has changed its state.
        models: Model by name, as the configuration lists them.
        leaving: Models that are no longer configured and whose versions go.
        has_stopped: The server ends; nothing may change any more.
    """

    def __init__(self) -> None:
        """Begin without models."""
        self.changed = threading.Condition(threading.RLock())
        self.models: dict[str, Model] = {}
        self.leaving: list[Model] = []
        self.has_stopped = False

    def configure(self, configs: Iterable[ModelConfig]) -> None:
        """Replace the whole list of models; what is loaded of those that stay, stays."""
        old = self.models
        self.models = {}
        for config in configs:
            model = old.pop(config.name, None)
            if model is None:
                model = Model(config)
                logger.info("model %s added, base path %s", config.name, config.base_path)
            model.config = config
            self.models[config.name] = model
        for model in old.values():
            logger.info("model %s removed from the configuration", model.config.name)
            model.aspired = frozenset()
            self.leaving.append(model)

    def forget_gone(self) -> None:
        """Drop models that have left; of each the last life is kept, for GetModelStatus."""
        last = {model.config.name: model for model in self.leaving}
        self.leaving = [
            model
            for model in self.leaving
            if model is last[model.config.name] or not model.has_ended()
        ]

    def states(self, name: str) -> list[tuple[int, State, ServingError | None]]:
        """Return number, state and error of each version of a model, newest first.

        A failed load has no error here until it is given up, as in TensorFlow Serving.
        """
        model = self.models.get(name)
        known = dict(model.versions) if model else {}
        for leaving in self.leaving:
            if leaving.config.name == name:
                known = leaving.versions | known
        return [
            (number, version.state, version.error if version.state is State.END else None)
            for number, version in sorted(known.items(), reverse=True)
        ]

    def failures(self, names: Iterable[str]) -> list[str]:
        """Describe the models among ``names`` none of whose aspired versions can load."""
        models = [self.models[name] for name in names if name in self.models]
        return [failure for model in models for failure in model.failures()]

    def versions(self) -> Sequence[Version]:
        """Return every version of every model."""
        return [
            version
            for model in (*self.models.values(), *self.leaving)
            for version in model.versions.values()
        ]
