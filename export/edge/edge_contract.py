"""The part of a version's contract that a TFLite file keeps.

Same keys, names, dtypes, shapes and meanings; what cannot be carried is left out and named in
``parameters.not_carried``, so that nobody has to find out by calling it. The result is a contract
like any other: :func:`serving_config.contract.load` reads it, class names and all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from export.edge.errors import ConversionError
from serving_config.contract import Contract, Signature
from serving_config.golden import GoldenCase

CLASSIFIER_SIGNATURE = "serving_default"

_NO_DECODER = (
    "TFLite has no op that decodes JPEG or PNG: decode on the device, to RGB, and send the pixels"
)
_NO_STRINGS = "text tensors stop delegates and quantisation: class_names has the names, in order"


def of_classifier(contract: Contract, version: int) -> Contract:
    """Narrow a published classifier's contract to what TFLite carries.

    Args:
        contract: The version's own copy.
        version: The version's number, for ``parameters``.

    Returns:
        ``serving_default`` with its pixels in and its numbers out.

    Raises:
        ConversionError: The contract's only signatures take or give text alone.
    """
    whole = contract.signature(CLASSIFIER_SIGNATURE)
    numbers = {name: spec for name, spec in whole.outputs.items() if spec.dtype != "string"}
    if not numbers or any(spec.dtype == "string" for spec in whole.inputs.values()):
        raise ConversionError(f"{CLASSIFIER_SIGNATURE} has no numbers that TFLite could carry")
    not_carried = {
        **{key: _NO_DECODER for key in contract.signatures if key != CLASSIFIER_SIGNATURE},
        **{
            f"{CLASSIFIER_SIGNATURE} {name}": _NO_STRINGS
            for name in whole.outputs
            if name not in numbers
        },
    }
    return replace(
        contract,
        signatures={CLASSIFIER_SIGNATURE: Signature(whole.inputs, numbers, whole.summary)},
        parameters={
            **contract.parameters,
            "source_version": version,
            "not_carried": not_carried,
        },
    )


def golden_cases(cases: Iterable[GoldenCase], contract: Contract) -> list[GoldenCase]:
    """Narrow golden cases to the signatures and outputs that a contract has."""
    return [
        replace(
            case,
            outputs={
                name: value
                for name, value in case.outputs.items()
                if name in contract.signature(case.signature).outputs
            },
        )
        for case in cases
        if case.signature in contract.signatures
    ]
