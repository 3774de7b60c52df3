"""gRPC client for TensorFlow Serving that never starts TensorFlow.

    from python_client import VisionClient

    with VisionClient("localhost:8500") as client:
        (answer,) = client.classify(open("cat.jpg", "rb").read())

:class:`ModelClient` asks any model; :class:`VisionClient` also classifies and detects.
Everything a caller passes, receives or catches is here. Four modules are public beside it:
``errors`` (what can go wrong, as one tree), ``drawing`` (detections drawn into their image; needs
Pillow), ``java`` (the same through Java; needs JPype) and ``tensors`` (arrays to ``TensorProto``
and back). What begins with an underscore may change in any version.
"""

from python_client._answers.classification import Classification
from python_client._answers.detections import Box, Detection, Detections
from python_client._answers.served_model import ModelMetadata, ModelStatus, VersionStatus
from python_client._async_model_client import AsyncModelClient
from python_client._async_vision_client import AsyncVisionClient
from python_client._model_client import ModelClient
from python_client._requests.images import Images
from python_client._requests.loading import load_image
from python_client._transport.channels import (
    TLS,
    ChannelOptions,
    Credentials,
    open_async_channel,
    open_channel,
)
from python_client._transport.policies import HedgingPolicy, KeepAlive, MessageLimits, RetryPolicy
from python_client._vision_client import VisionClient
from python_client.drawing import DrawingUnavailableError
from python_client.errors import (
    AbortedError,
    AlreadyExistsError,
    AnswerError,
    CallError,
    CancelledError,
    ClientClosedError,
    ContractBrokenError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    InputError,
    InternalError,
    InvalidArgumentError,
    JvmError,
    ModelLoadError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnknownError,
    VisionClientError,
)
from serving_config.image_files import ImageReaderUnavailableError
from serving_config.version import __version__
from signature_contract.contract import (
    Contract,
    ContractError,
    ContractFileError,
    ContractMismatchError,
    Difference,
    Ranking,
    Signature,
    TensorSpec,
    Tolerance,
)

__all__ = [
    "TLS",
    "AbortedError",
    "AlreadyExistsError",
    "AnswerError",
    "AsyncModelClient",
    "AsyncVisionClient",
    "Box",
    "CallError",
    "CancelledError",
    "ChannelOptions",
    "Classification",
    "ClientClosedError",
    "Contract",
    "ContractBrokenError",
    "ContractError",
    "ContractFileError",
    "ContractMismatchError",
    "Credentials",
    "DataLossError",
    "DeadlineExceededError",
    "Detection",
    "Detections",
    "Difference",
    "DrawingUnavailableError",
    "FailedPreconditionError",
    "HedgingPolicy",
    "ImageReaderUnavailableError",
    "Images",
    "InputError",
    "InternalError",
    "InvalidArgumentError",
    "JvmError",
    "KeepAlive",
    "MessageLimits",
    "ModelClient",
    "ModelLoadError",
    "ModelMetadata",
    "ModelStatus",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "Ranking",
    "ResourceExhaustedError",
    "RetryPolicy",
    "Signature",
    "TensorSpec",
    "Tolerance",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "VersionStatus",
    "VisionClient",
    "VisionClientError",
    "__version__",
    "load_image",
    "open_async_channel",
    "open_channel",
]
