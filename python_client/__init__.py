"""gRPC client for TensorFlow Serving that never starts TensorFlow.

    from python_client import VisionClient

    with VisionClient("localhost:8500") as client:
        (answer,) = client.classify(open("cat.jpg", "rb").read())

:class:`VisionClient` and :class:`AsyncVisionClient` offer the same calls; ``errors`` holds what
they raise, ``channels`` and ``policies`` how they connect.
"""

from python_client.aio import AsyncVisionClient
from python_client.answers import Classification, ModelMetadata, ModelStatus, VersionStatus
from python_client.channels import TLS, ChannelOptions, open_async_channel, open_channel
from python_client.client import VisionClient
from python_client.detections import Box, Detection, Detections
from python_client.errors import (
    AnswerError,
    CallError,
    ContractBrokenError,
    InputError,
    VisionClientError,
)
from python_client.policies import HedgingPolicy, KeepAlive, MessageLimits, RetryPolicy

__all__ = [
    "TLS",
    "AnswerError",
    "AsyncVisionClient",
    "Box",
    "CallError",
    "ChannelOptions",
    "Classification",
    "ContractBrokenError",
    "Detection",
    "Detections",
    "HedgingPolicy",
    "InputError",
    "KeepAlive",
    "MessageLimits",
    "ModelMetadata",
    "ModelStatus",
    "RetryPolicy",
    "VersionStatus",
    "VisionClient",
    "VisionClientError",
    "open_async_channel",
    "open_channel",
]
