"""How strict a call is with the signature that it names."""

from __future__ import annotations

from dataclasses import dataclass

from model_server.runtimes.signatures import Signature

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"


@dataclass(frozen=True)
class SignatureRules:
    """How strict a call is with the signature that it names.

    Attributes:
        check_shapes: Refuse tensors that contradict the signature's rank or fixed dimensions:
            ``true``, ``false`` as TensorFlow Serving, or ``auto``, only where a wrong rank could
            end the process.
        check_method_name: Refuse signatures with a foreign ``method_name``.
    """

    check_shapes: str = "auto"
    check_method_name: bool = False

    def compare_shapes_of(self, signature: Signature) -> bool:
        """Tell whether this signature's inputs are compared with it before anything runs."""
        return self.check_shapes == "true" or (
            self.check_shapes == "auto" and bool(signature.hazards)
        )
