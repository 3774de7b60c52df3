"""The part of a version's contract that a TFLite file keeps.

Same keys, names, dtypes, shapes and meanings; what cannot be carried is left out and named in
``parameters.not_carried``, so that nobody has to find out by calling it. The result is a contract
like any other: :func:`signature_contract.contract.load` reads it, class names and all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from export.edge.errors import ConversionError
from serving_config.detections import CANDIDATE, CANDIDATES, candidates_signature
from serving_config.tensor_names import SERVING_DEFAULT
from signature_contract.contract import Contract, Signature
from signature_contract.golden import GoldenCase

_NO_DECODER = (
    "TFLite has no op that decodes JPEG or PNG: decode on the device, to RGB, and send the pixels"
)
_NO_STRINGS = "text tensors stop delegates and quantisation: class_names has the names, in order"


def of_classifier(contract: Contract, version: int | None = None) -> Contract:
    """Narrow a published classifier's contract to what TFLite carries.

    Args:
        contract: The version's own copy.
        version: The version's number, for ``parameters``; None while it has none yet.

    Returns:
        ``serving_default`` with its pixels in and its numbers out.

    Raises:
        ConversionError: The contract's only signatures take or give text alone.
    """
    whole = contract.signature(SERVING_DEFAULT)
    numbers = {name: spec for name, spec in whole.outputs.items() if spec.dtype != "string"}
    if not numbers or any(spec.dtype == "string" for spec in whole.inputs.values()):
        raise ConversionError(f"{SERVING_DEFAULT} has no numbers that TFLite could carry")
    not_carried = {
        **{key: _NO_DECODER for key in contract.signatures if key != SERVING_DEFAULT},
        **{
            f"{SERVING_DEFAULT} {name}": _NO_STRINGS
            for name in whole.outputs
            if name not in numbers
        },
    }
    return replace(
        contract,
        signatures={SERVING_DEFAULT: Signature(whole.inputs, numbers, whole.summary)},
        parameters={
            **contract.parameters,
            **_source(version),
            "not_carried": not_carried,
        },
    )


def _source(version: int | None) -> dict[str, int]:
    return {} if version is None else {"source_version": version}


def of_detector(contract: Contract, version: int | None = None) -> Contract:
    """Describe what a TFLite file holds of a published detector: its network.

    Args:
        contract: The version's own copy.
        version: The version's number, for ``parameters``; None while it has none yet.

    Returns:
        One signature, ``candidates``; thresholds, class names and the number of detections stay,
        for :func:`export.edge.detections.detect`, which gives the answers of the published
        ``serving_default`` with it.

    Raises:
        ConversionError: The contract does not say how large the network's square is.
    """
    side, classes = contract.parameters.get("image_size"), len(contract.class_names)
    if not side or "N" not in contract.bound:
        raise ConversionError(
            "a detector's contract must have parameters.image_size and bound.N, as "
            f"python -m export detector writes them; it has {dict(contract.parameters)}"
        )
    return replace(
        contract,
        signatures={CANDIDATES: candidates_signature(side, classes)},
        dimensions={**contract.dimensions, CANDIDATE: "number of candidates an image"},
        parameters={
            **contract.parameters,
            **_source(version),
            "not_carried": {
                SERVING_DEFAULT: "TFLite has no suppression over all classes: "
                "serving_config/detections.py has letterbox and suppression in NumPy, to port",
                **{k: _NO_DECODER for k in contract.signatures if k != SERVING_DEFAULT},
            },
        },
        summary="Candidate boxes and scores of the objects in one letterboxed photograph.",
    )


def golden_cases(cases: Iterable[GoldenCase], contract: Contract) -> list[GoldenCase]:
    """Choose the golden cases that a TFLite file can be held to.

    Args:
        cases: The published version's.
        contract: What the file keeps.

    Returns:
        Those of ``serving_default``, with the outputs that the file has; all outputs where the
        file has another signature and NumPy makes the rest.
    """
    kept = contract.signatures.get(SERVING_DEFAULT)
    return [
        replace(
            case,
            outputs={n: v for n, v in case.outputs.items() if kept is None or n in kept.outputs},
        )
        for case in cases
        if case.signature == SERVING_DEFAULT
    ]
