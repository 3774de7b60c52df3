"""Refuses an answer whose values are outside the range that the contract states."""

from __future__ import annotations

from collections.abc import Mapping

from python_client.errors import AnswerError
from python_client.tensors import Array
from signature_contract.contract import Signature
from signature_contract.value_range import output_range_difference


def check_ranges(
    outputs: Mapping[str, Array], signature: Signature, key: str, *, target: str, model: str
) -> None:
    """Compare the values of an answer with the ranges of its signature's outputs.

    Args:
        outputs: The decoded outputs; those that the signature does not name are not looked at.
        signature: The contract's signature.
        key: Its key, for the message.
        target: The server's address, for the message.
        model: The model's name on the server, for the message.

    Raises:
        AnswerError: One is outside; it names the output, the range, the value and what there is.
    """
    for name, array in outputs.items():
        spec = signature.outputs.get(name)
        if spec is None or spec.value_range is None:
            continue
        if outside := output_range_difference(f'{key} output "{name}"', spec, array):
            raise AnswerError(
                f'{target}, model "{model}": {outside}'
                "\n  fix: give the client the contract of the version that is served, or serve "
                "the version that this contract describes",
                target=target,
                model=model,
                signature=key,
            )
