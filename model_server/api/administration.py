"""ModelService: the state of a server's models, and a new list of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import protos
from model_server.api import status
from model_server.errors import invalid_argument
from model_server.models.catalog import Catalog

logger = logging.getLogger(__name__)


class Administration(Protocol):
    """Answers the calls of ModelService. Thread-safe."""

    def status(self, request: Any) -> Any:
        """Answer a ``GetModelStatusRequest``.

        Raises:
            ServingError: With TensorFlow Serving's code and text.
        """

    def reload(
        self,
        request: Any,
        deadline_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Answer a ``ReloadConfigRequest``: replace the models and wait for the new ones.

        Args:
            request: The message.
            deadline_s: Longest wait in seconds; None for any.
            is_wanted: Tells whether the caller still waits.

        Raises:
            ServingError: With TensorFlow Serving's code and text.
        """


class OwnAdministration:
    """The models of this process."""

    def __init__(self, catalog: Catalog) -> None:
        """Answer for the models of ``catalog``."""
        self._catalog = catalog

    def status(self, request: Any) -> Any:
        """See :meth:`Administration.status`."""
        spec = model_spec(request)
        return status.answer(spec, self._catalog.states(spec.name))

    def reload(
        self,
        request: Any,
        deadline_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """See :meth:`Administration.reload`."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        configs: Iterable[Any] = request.config.model_config_list.config
        self._catalog.reload(configs, deadline_s, is_wanted)
        response = protos.ReloadConfigResponse()
        response.status.error_code = 0
        if request.metric_names:
            logger.warning(
                "metric_names: the counters of TensorFlow's runtime are not here, so %s are "
                "answered as unchanged",
                ", ".join(sorted(set(request.metric_names))),
            )
        for name in sorted(set(request.metric_names)):
            response.metric.add(name=name, int64_value_increase=0)
        return response


def model_spec(request: Any) -> Any:
    """Return a request's ``ModelSpec``.

    Raises:
        ServingError: INVALID_ARGUMENT, when it has none.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec
