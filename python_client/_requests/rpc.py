"""A remote procedure call as a value: what to send, and how to read the answer.

The synchronous and the asyncio clients differ only in how they wait; what they check, send and
understand is in this package, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

PREDICTION_SERVICE = "/tensorflow.serving.PredictionService/"
MODEL_SERVICE = "/tensorflow.serving.ModelService/"


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

    def then(self, convert: Callable[[T], U]) -> Rpc[U]:
        """Return the same RPC whose answer ``convert`` turns into something else."""
        return Rpc(
            self.path,
            self.request,
            self.answer_type,
            lambda answer: convert(self.read(answer)),
            self.signature,
        )
