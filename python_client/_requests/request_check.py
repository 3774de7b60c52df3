"""Refuses a request that contradicts the contract, before it costs a round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from python_client import tensors
from python_client._requests.advice import fix_for
from python_client.errors import InputError
from python_client.tensors import Array
from signature_contract.contract import Contract, Difference, Signature
from signature_contract.value_range import input_range_difference


@dataclass(frozen=True)
class RequestCheck:
    """The check of one request.

    Attributes:
        target: The server's address, for messages.
        model: The model's name on the server, for messages.
        contract: What the model is expected to be; None checks nothing.
        key: The signature key.
    """

    target: str
    model: str
    contract: Contract | None
    key: str

    def inputs(self, values: Mapping[str, Any]) -> dict[str, Array]:
        """Make arrays of what a caller passed, and compare them with the signature.

        Raises:
            InputError: A value is no tensor, or names, dtypes, shapes or values are not the
                signature's.
        """
        signature = self._signature()
        specs = signature.inputs if signature else {}
        arrays = {}
        for name, value in values.items():
            wanted = specs[name].dtype if name in specs else None
            try:
                arrays[name] = tensors.as_array(value, wanted)
            except InputError as err:
                raise self._refusal([f'input "{name}": {err}']) from err
        if signature is None:
            return arrays
        received = {name: (tensors.dtype_name(a), a.shape) for name, a in arrays.items()}
        differences = signature.input_differences(self.key, received)
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
        return arrays

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

    def _refusal(self, lines: list[str], differences: Iterable[Difference] = ()) -> InputError:
        error = InputError(
            f'request to model "{self.model}", signature "{self.key}", refused before it was '
            "sent:\n" + "\n".join(f"  - {line}" for line in lines),
            target=self.target,
            model=self.model,
            signature=self.key,
        )
        error.differences = tuple(differences)
        return error
