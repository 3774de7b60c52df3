"""The calls that ask about a model: its signatures, the state of its versions."""

from __future__ import annotations

from typing import Any

import protos
from python_client._answers.served_model import ModelMetadata, ModelStatus, VersionStatus
from python_client._requests.model_address import ModelAddress, answered_version
from python_client._requests.rpc import MODEL_SERVICE, PREDICTION_SERVICE, Rpc
from signature_contract.signature import signatures_from_proto

_FIELD = "signature_def"


def metadata_rpc(
    address: ModelAddress, *, version: int | None = None, version_label: str | None = None
) -> Rpc[ModelMetadata]:
    """Make a GetModelMetadata request.

    Raises:
        InputError: Both a version and a label are named.
    """
    request = protos.GetModelMetadataRequest(metadata_field=[_FIELD])
    address.write(request.model_spec, version=version, version_label=version_label)

    def read(answer: Any) -> ModelMetadata:
        signatures = protos.SignatureDefMap()
        if _FIELD not in answer.metadata or not answer.metadata[_FIELD].Unpack(signatures):
            raise address.answer_error(
                f'expected a SignatureDefMap under "{_FIELD}", received '
                f"{sorted(answer.metadata) or 'no metadata'}"
            )
        return ModelMetadata(
            model=answer.model_spec.name or address.model,
            version=answered_version(answer),
            signatures=signatures_from_proto(signatures.signature_def),
        )

    path = PREDICTION_SERVICE + "GetModelMetadata"
    return Rpc(path, request, protos.GetModelMetadataResponse, read)


def status_rpc(address: ModelAddress, *, version: int | None = None) -> Rpc[ModelStatus]:
    """Make a GetModelStatus request, about all versions where none is named."""
    request = protos.GetModelStatusRequest()
    address.write(request.model_spec, version=version)

    def read(answer: Any) -> ModelStatus:
        return ModelStatus(address.model, tuple(map(_version_status, answer.model_version_status)))

    return Rpc(MODEL_SERVICE + "GetModelStatus", request, protos.GetModelStatusResponse, read)


def _version_status(status: Any) -> VersionStatus:
    state = protos.ModelVersionStatus.State
    code = status.status.error_code
    return VersionStatus(
        version=int(status.version),
        state=state.Name(status.state) if status.state in state.values() else str(status.state),
        error_code=protos.Code.Name(code) if code in protos.Code.values() else "?",
        error_message=status.status.error_message,
    )
