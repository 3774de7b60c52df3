"""GetModelMetadata: the signatures of a version."""

from __future__ import annotations

from typing import Any

import protos
from model_server.errors import invalid_argument
from model_server.runtimes.runtime import LoadedModel

SIGNATURE_FIELD = "signature_def"
"""The one kind of metadata there is."""


def check_fields(request: Any) -> None:
    """Refuse a ``GetModelMetadataRequest`` that asks for nothing, or for what there is not.

    Raises:
        ServingError: INVALID_ARGUMENT with TensorFlow Serving's text.
    """
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for name in request.metadata_field:
        if name != SIGNATURE_FIELD:
            raise invalid_argument(f"Metadata field {name} is not supported")


def describe(model: LoadedModel) -> Any:
    """Return a ``GetModelMetadataResponse`` without its model spec."""
    signatures = protos.SignatureDefMap()
    for key, signature in model.signatures.items():
        signatures.signature_def[key].CopyFrom(signature.definition)
    response = protos.GetModelMetadataResponse()
    response.metadata[SIGNATURE_FIELD].Pack(signatures)
    return response
