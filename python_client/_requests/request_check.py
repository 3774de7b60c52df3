"""Refuses a request that contradicts the contract, before it costs a round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from python_client import tensors
from python_client._requests.advice import fix_for
from python_client._requests.model_address import ModelAddress
from python_client.errors import InputError
from python_client.tensors import Array
from signature_contract.answer_form import dtype_name
from signature_contract.contract import Contract, Difference, Signature, TensorSpec
from signature_contract.value_range import input_range_difference


class CheckedInputs(NamedTuple):
    """Inputs that may be sent.

    Attributes:
        arrays: Array by input name.
        dtypes: dtype by input name, as the contract names it; empty without a contract.
        sizes: Size of each named dimension that is known once the inputs are.
    """

    arrays: Mapping[str, Array]
    dtypes: Mapping[str, str]
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class RequestCheck:
    """The check of one request.

    Attributes:
        address: The model, for messages.
        contract: What the model is expected to be; None checks nothing.
        key: The signature key.
    """

    address: ModelAddress
    contract: Contract | None
    key: str

    def inputs(self, values: Mapping[str, Any]) -> CheckedInputs:
        """Make arrays of what a caller passed, and compare them with the signature.

        Args:
            values: Whatever stands for a tensor, by input name; an input with a default value may
                be missing.

        Raises:
            InputError: A value is no tensor, or names, dtypes, shapes or values are not the
                signature's.
        """
        signature = self._signature()
        specs = signature.inputs if signature else {}
        arrays = {name: self._array(name, value, specs) for name, value in values.items()}
        if signature is None or self.contract is None:
            return CheckedInputs(arrays, {}, {})
        received = {
            name: (dtype_name(array, specs.get(name, TensorSpec("", None))), array.shape)
            for name, array in arrays.items()
        }
        sizes = dict(self.contract.bound)
        differences = signature.input_differences(self.key, received, sizes)
        for name, spec in specs.items():
            if name in arrays and spec.admits(*received[name]):
                where = f'{self.key} input "{name}"'
                if outside := input_range_difference(where, spec, arrays[name]):
                    differences.append(outside)
        if differences:
            lines = [str(difference) for difference in differences]
            for name, (dtype, shape) in received.items():
                if name in specs and (fix := fix_for(specs[name], dtype, shape)):
                    lines.append(f'fix for "{name}": {fix}')
            raise self._refusal(lines, differences)
        return CheckedInputs(arrays, {name: specs[name].dtype for name in arrays}, sizes)

    def output_filter(self, names: Iterable[str]) -> list[str]:
        """Compare the outputs a caller asks for with the signature's.

        Raises:
            InputError: The signature has no such output.
        """
        names = [names] if isinstance(names, str) else list(names)
        signature = self._signature()
        if signature and (unknown := [name for name in names if name not in signature.outputs]):
            raise self._refusal(
                [
                    f"output_filter: expected outputs of the signature, received "
                    f"{', '.join(map(repr, unknown))} "
                    f"(what exists: {', '.join(signature.outputs)})"
                ]
            )
        return names

    def _signature(self) -> Signature | None:
        if self.contract is None:
            return None
        signatures = self.contract.signatures
        if self.key not in signatures:
            difference = Difference(
                "signature-missing",
                "signature key",
                "one of the contract's",
                repr(self.key),
                tuple(signatures),
            )
            raise self._refusal([str(difference)], [difference])
        return signatures[self.key]

    def _array(self, name: str, value: Any, specs: Mapping[str, TensorSpec]) -> Array:
        try:
            return tensors.as_array(value, specs[name].dtype if name in specs else None)
        except InputError as err:
            raise self._refusal([f'input "{name}": {err}']) from err

    def _refusal(self, lines: list[str], differences: Iterable[Difference] = ()) -> InputError:
        return self.address.input_error(
            f'request to model "{self.address.model}", signature "{self.key}", refused before it '
            "was sent:\n" + "\n".join(f"  - {line}" for line in lines),
            self.key,
            differences,
        )
