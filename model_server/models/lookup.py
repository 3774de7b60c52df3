"""What calls see of the models, and which version of it a ``ModelSpec`` means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model_server.errors import invalid_argument, not_found
from model_server.models.version import Version


@dataclass(frozen=True)
class ServedModel:
    """What calls see of a model.

    Attributes:
        versions: The versions that take calls, by number.
        newest: That of the highest number; None when there is none.
        labels: Version number by label.
    """

    versions: Mapping[int, Version]
    newest: Version | None
    labels: Mapping[str, int]


def find(served: Mapping[str, ServedModel], spec: Any) -> Version:
    """Find the version a ``ModelSpec`` means.

    Args:
        served: What is served, by the model's name.
        spec: Name, and optionally a version or a label; without either the newest available.

    Raises:
        ServingError: INVALID_ARGUMENT (unknown label) or NOT_FOUND.
    """
    model = served.get(spec.name)
    choice = spec.WhichOneof("version_choice")
    if choice is None:
        if model is None or model.newest is None:
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        return model.newest
    if choice == "version_label":
        label = spec.version_label
        if model is None or label not in model.labels:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        number = model.labels[label]
    else:
        number = spec.version.value
    version = model.versions.get(number) if model else None
    if version is None:
        raise not_found(f"Servable not found for request: Specific({spec.name}, {number})")
    return version


def are_available(served: Mapping[str, ServedModel], names: Iterable[str]) -> bool:
    """Tell whether each of these models has an available version."""
    return all(
        (model := served.get(name)) is not None and model.newest is not None for name in names
    )
