"""Every remote procedure call as a value: what to send, and how to read the answer.

The synchronous and the asyncio client differ only in how they wait; what they check, send and
understand is here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import protos
from python_client import tensors
from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._answers.served_model import ModelMetadata, ModelStatus, VersionStatus
from python_client._answers.value_ranges import check_ranges
from python_client._image_models.classification_model import ClassificationModel
from python_client._image_models.detection_model import DetectionModel
from python_client._image_models.image_model import ImageModel
from python_client._requests.images import TINY, Images, batches
from python_client._requests.request_check import RequestCheck
from python_client.errors import AnswerError, ContractBrokenError, InputError
from python_client.tensors import Array
from signature_contract import contract as contracts
from signature_contract.contract import Contract

T = TypeVar("T")

_PREDICTION_SERVICE = "/tensorflow.serving.PredictionService/"
_PREDICT = _PREDICTION_SERVICE + "Predict"
_MODEL_SERVICE = "/tensorflow.serving.ModelService/"


@dataclass(frozen=True)
class Rpc(Generic[T]):
    """One RPC that has not been sent yet.

    Attributes:
        path: Service and method, as gRPC spells them.
        request: The request message.
        answer_type: Class of the answer message.
        read: Turns the answer message into what the caller gets.
        signature: The signature key, for messages; empty where the RPC has none.
    """

    path: str
    request: Any
    answer_type: Any
    read: Callable[[Any], T]
    signature: str = ""


@dataclass(frozen=True)
class ModelRpcs:
    """Makes the RPCs to one model.

    Attributes:
        target: The server's address, for messages.
        model: The model's name on the server.
        contract: What the model is expected to be; None checks nothing.
    """

    target: str
    model: str
    contract: Contract | None

    def predict(
        self,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        *,
        output_filter: Iterable[str] = (),
        version: int | None = None,
        version_label: str | None = None,
    ) -> Rpc[dict[str, Array]]:
        """Check and encode a Predict request.

        Raises:
            InputError: It contradicts the contract, or cannot be encoded.
        """
        key = signature or "serving_default"
        request = self._predict_request(key, inputs, output_filter, version, version_label)

        def read(answer: Any) -> dict[str, Array]:
            outputs = self._outputs(answer, key)
            if self.contract is not None:
                check_ranges(
                    outputs,
                    self.contract.signatures[key],
                    key,
                    target=self.target,
                    model=self.model,
                )
            return outputs

        return Rpc(_PREDICT, request, protos.PredictResponse, read, signature=key)

    def classify(
        self, images: Images, **options: Any
    ) -> list[tuple[tuple[int, ...], Rpc[list[Classification]]]]:
        """Make the RPCs that classify ``images``; see :meth:`ask`.

        Raises:
            InputError: An image cannot be sent, or the contract is not a classifier's.
        """
        return self.ask(
            ClassificationModel.of(self.contract, self.model, self.target), images, **options
        )

    def detect(
        self, images: Images, min_score: float, **options: Any
    ) -> list[tuple[tuple[int, ...], Rpc[list[Detections]]]]:
        """Make the RPCs that find the objects in ``images``; see :meth:`ask`.

        Raises:
            InputError: An image cannot be sent, the contract is not a detector's, or
                ``min_score`` is not in 0..1.
        """
        detector = DetectionModel.of(self.contract, self.model, self.target)
        return self.ask(replace(detector, min_score=min_score), images, **options)

    def ask(
        self,
        reader: ImageModel[T],
        images: Images,
        *,
        batch_size: int | None = None,
        version: int | None = None,
        version_label: str | None = None,
    ) -> list[tuple[tuple[int, ...], Rpc[list[T]]]]:
        """Check and encode the requests about ``images`` whose answers ``reader`` understands.

        Returns:
            Each RPC with the places, in what the caller passed, of the images it is about.

        Raises:
            InputError: An image cannot be sent.
        """
        rpcs = []
        for batch in batches(images, batch_size):
            key, name = reader.inputs[batch.kind]
            request = self._predict_request(key, {name: batch.tensor}, (), version, version_label)

            def read(answer: Any, key: str = key, rows: int = len(batch.positions)) -> list[T]:
                return reader.read(self._outputs(answer, key), key, rows, _version(answer))

            rpc = Rpc(_PREDICT, request, protos.PredictResponse, read, signature=key)
            rpcs.append((batch.positions, rpc))
        return rpcs

    def metadata(
        self, *, version: int | None = None, version_label: str | None = None
    ) -> Rpc[ModelMetadata]:
        """Make a GetModelMetadata request."""
        request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._address(request, "", version, version_label)

        def read(answer: Any) -> ModelMetadata:
            signatures = protos.SignatureDefMap()
            if "signature_def" not in answer.metadata or not answer.metadata[
                "signature_def"
            ].Unpack(signatures):
                raise AnswerError(
                    f'{self.target}, model "{self.model}": expected a SignatureDefMap under '
                    f'"signature_def", received {sorted(answer.metadata) or "no metadata"}',
                    target=self.target,
                    model=self.model,
                )
            return ModelMetadata(
                model=answer.model_spec.name or self.model,
                version=_version(answer),
                signatures=contracts.signatures_from_proto(signatures.signature_def),
            )

        return Rpc(
            _PREDICTION_SERVICE + "GetModelMetadata",
            request,
            protos.GetModelMetadataResponse,
            read,
        )

    def status(self, *, version: int | None = None) -> Rpc[ModelStatus]:
        """Make a GetModelStatus request."""
        request = protos.GetModelStatusRequest()
        self._address(request, "", version, None)

        def read(answer: Any) -> ModelStatus:
            return ModelStatus(self.model, tuple(map(_version_status, answer.model_version_status)))

        return Rpc(_MODEL_SERVICE + "GetModelStatus", request, protos.GetModelStatusResponse, read)

    def check_signatures(self, metadata: ModelMetadata) -> None:
        """Compare what a server declares with the contract.

        Raises:
            ContractBrokenError: They differ; with every difference.
            InputError: There is no contract.
        """
        if self.contract is None:
            raise InputError(
                f'expected a contract to check model "{self.model}" against, there is none'
                "\n  fix: VisionClient(…, contract=NAME_OR_PATH)",
                target=self.target,
                model=self.model,
            )
        if differences := self.contract.differences(metadata.signatures):
            raise ContractBrokenError(
                f'{self.target}, model "{self.model}" version {metadata.version}',
                differences,
                target=self.target,
                model=self.model,
            )

    def probe(self, metadata: ModelMetadata) -> Rpc[list[Classification]] | None:
        """Make the smallest RPC whose answer shows the class order, if the contract knows it."""
        contract = self.contract
        if contract is None or not contract.class_names or not ClassificationModel.fits(contract):
            return None
        ((_, rpc),) = self.classify(TINY, version=metadata.version)
        return rpc

    def _predict_request(
        self,
        key: str,
        inputs: Mapping[str, Any],
        output_filter: Iterable[str],
        version: int | None,
        version_label: str | None,
    ) -> Any:
        check = RequestCheck(self.target, self.model, self.contract, key)
        arrays = check.inputs(inputs)
        request = protos.PredictRequest(output_filter=check.output_filter(output_filter))
        for name, array in arrays.items():
            tensors.encode(array, into=request.inputs[name])
        self._address(request, key, version, version_label)
        return request

    def _address(
        self, request: Any, key: str, version: int | None, version_label: str | None
    ) -> None:
        if version is not None and version_label is not None:
            raise InputError(
                f"expected a version or a version_label, received both: {version} and "
                f"{version_label!r}",
                target=self.target,
                model=self.model,
            )
        spec = request.model_spec
        spec.name = self.model
        spec.signature_name = key
        if version is not None:
            spec.version.value = version
        elif version_label is not None:
            spec.version_label = version_label

    def _outputs(self, answer: Any, key: str) -> dict[str, Array]:
        return {name: self._decoded(name, key, answer) for name in sorted(answer.outputs)}

    def _decoded(self, name: str, key: str, answer: Any) -> Array:
        try:
            return tensors.decode(answer.outputs[name])
        except AnswerError as err:
            raise AnswerError(
                f'{self.target}, model "{self.model}", signature "{key}", output "{name}": {err}',
                target=self.target,
                model=self.model,
                signature=key,
            ) from err


def _version(answer: Any) -> int | None:
    spec = answer.model_spec
    return int(spec.version.value) if spec.HasField("version") else None


def _version_status(status: Any) -> VersionStatus:
    state = protos.ModelVersionStatus.State
    code = status.status.error_code
    return VersionStatus(
        version=int(status.version),
        state=state.Name(status.state) if status.state in state.values() else str(status.state),
        error_code=protos.Code.Name(code) if code in protos.Code.values() else "?",
        error_message=status.status.error_message,
    )
