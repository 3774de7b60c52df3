"""GetModelStatus: the state of each version of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import protos
from model_server.errors import ServingError, not_found
from model_server.models.states import State


def answer(spec: Any, states: Sequence[tuple[int, State, ServingError | None]]) -> Any:
    """Answer a ``GetModelStatusRequest``; a label is ignored, as in TensorFlow Serving.

    Args:
        spec: The request's ``ModelSpec``.
        states: Number, state and error of each version of the model, newest first.

    Returns:
        A ``GetModelStatusResponse``.

    Raises:
        ServingError: NOT_FOUND, when there is no such model or version.
    """
    if spec.WhichOneof("version_choice") == "version":
        number = spec.version.value
        states = [state for state in states if state[0] == number]
        if not states:
            raise not_found(f"Could not find version {number} of model {spec.name}")
    elif not states:
        raise not_found(f"Could not find any versions of model {spec.name}")
    response = protos.GetModelStatusResponse()
    for number, state, error in states:
        entry = response.model_version_status.add()
        entry.version = number
        entry.state = int(state)
        entry.status.error_code = error.number if error else 0
        entry.status.error_message = error.message if error else ""
    return response
