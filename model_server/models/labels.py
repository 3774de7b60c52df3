"""Which version a label may point to."""

from __future__ import annotations

from model_server.errors import failed_precondition
from model_server.models.configs import ModelConfig
from model_server.models.lookup import ServedModel
from model_server.models.model import Model


def check_labels(
    config: ModelConfig,
    model: Model | None,
    served: ServedModel | None,
    for_unavailable_versions: bool,
) -> None:
    """Check that a model's labels may be assigned as its configuration says.

    Args:
        config: What its configuration says.
        model: The model; None when it is new.
        served: What calls see of it now; None when they see nothing.
        for_unavailable_versions: A new label may point to a version that is not available yet; one
            that moves may not, even so.

    Raises:
        ServingError: FAILED_PRECONDITION with TensorFlow Serving's text.
    """
    available = model.available() if model else {}
    for label, number in config.labels.items():
        if number in available:
            continue
        is_moved = served is not None and served.labels.get(label, number) != number
        if not for_unavailable_versions or is_moved:
            raise failed_precondition(
                f"Request to assign label to version {number} of model {config.name}, which "
                "is not currently available for inference"
            )
