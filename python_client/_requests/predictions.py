"""Predict: any signature, checked before it is sent and when the answer is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import protos
from python_client import tensors
from python_client._requests.model_address import ModelAddress, answered_version
from python_client._requests.request_check import RequestCheck
from python_client._requests.rpc import PREDICTION_SERVICE, Rpc
from python_client.errors import AnswerError
from python_client.tensors import Array
from signature_contract.answer_form import answer_differences
from signature_contract.contract import Contract

_CLASS_ORDER = "class-order"


class Prediction(NamedTuple):
    """What a Predict answer holds.

    Attributes:
        outputs: Array by output name; text as ``bytes``, bfloat16 as float32.
        version: The version that answered, or None if the server did not say.
    """

    outputs: dict[str, Array]
    version: int | None


@dataclass(frozen=True)
class Predictions:
    """Makes the Predict calls to one model.

    Attributes:
        address: The model.
        contract: What it is expected to be; None checks nothing.
    """

    address: ModelAddress
    contract: Contract | None

    def rpc(
        self,
        inputs: Mapping[str, Any],
        signature: str = "",
        *,
        output_filter: Iterable[str] = (),
        version: int | None = None,
        version_label: str | None = None,
    ) -> Rpc[Prediction]:
        """Check and encode a request; the answer is checked when it is read.

        Raises:
            InputError: It contradicts the contract, or cannot be encoded.
        """
        key = signature or "serving_default"
        check = RequestCheck(self.address, self.contract, key)
        checked = check.inputs(inputs)
        asked = check.output_filter(output_filter)
        request = protos.PredictRequest(output_filter=asked)
        for name, array in checked.arrays.items():
            tensors.encode(array, request.inputs[name], checked.dtypes.get(name))
        self.address.write(
            request.model_spec, key=key, version=version, version_label=version_label
        )

        def read(answer: Any) -> Prediction:
            outputs = {name: self._decoded(name, key, answer) for name in sorted(answer.outputs)}
            prediction = Prediction(outputs, answered_version(answer))
            self._check(prediction, key, asked, checked.sizes)
            return prediction

        path = PREDICTION_SERVICE + "Predict"
        return Rpc(path, request, protos.PredictResponse, read, signature=key)

    def _decoded(self, name: str, key: str, answer: Any) -> Array:
        try:
            return tensors.decode(answer.outputs[name])
        except AnswerError as err:
            raise self.address.answer_error(f'output "{name}": {err}', key) from err

    def _check(
        self, prediction: Prediction, key: str, asked: Iterable[str], sizes: Mapping[str, int]
    ) -> None:
        """Compare an answer with the contract.

        Raises:
            AnswerError: It has not the outputs of the contract, or their values are outside the
                ranges that it states.
            ContractBrokenError: The classes are not the contract's, or in another order.
        """
        if self.contract is None:
            return
        differences = list(
            answer_differences(
                key, key, prediction.outputs, self.contract, asked=asked, sizes=sizes
            )
        )
        if any(difference.rule == _CLASS_ORDER for difference in differences):
            raise self.address.broken(prediction.version, differences, key)
        if differences:
            lines = "".join(f"\n  - {difference}" for difference in differences)
            raise self.address.answer_error(
                f"the answer is not what the contract says:{lines}"
                "\n  fix: give the client the contract of the version that is served, or serve "
                "the version that this contract describes; check_contract() shows how they differ",
                key,
                differences,
            )
