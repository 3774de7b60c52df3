"""From the models as they are to what calls see of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from model_server.models.lookup import ServedModel, are_available
from model_server.models.registry import Registry


class Publication:
    """What calls see. They read it without a lock: it is replaced as a whole, never changed.

    Attributes:
        served: What is served, by the model's name.
    """

    def __init__(self, registry: Registry) -> None:
        """Begin with nothing served."""
        self.served: Mapping[str, ServedModel] = {}
        self._registry = registry
        self._listeners: list[Callable[[bool], None]] = []

    def publish(self, labels: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Let calls see the present state. The registry's lock is held.

        Args:
            labels: Version number by label, by the model's name; None leaves labels as they are.
        """
        served: dict[str, ServedModel] = {}
        for name, model in self._registry.models.items():
            versions = model.available()
            previous = self.served.get(name)
            if labels is not None:
                numbers = labels.get(name, {})
            else:
                numbers = previous.labels if previous else {}
            newest = versions[max(versions)] if versions else None
            served[name] = ServedModel(versions, newest, numbers)
        self.served = served
        self._registry.changed.notify_all()
        is_available = self.is_available()
        for listener in self._listeners:
            listener(is_available)

    def withdraw(self) -> None:
        """Let calls see nothing any more."""
        self.served = {}

    def is_available(self) -> bool:
        """Tell whether every configured model has an available version."""
        served = self.served
        with self._registry.changed:
            return are_available(served, self._registry.models)

    def subscribe(self, listener: Callable[[bool], None]) -> None:
        """Have ``listener(is_available())`` called now and after every change."""
        with self._registry.changed:
            self._listeners.append(listener)
            listener(self.is_available())
