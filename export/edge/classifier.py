"""A classifier on the edge: resize and network in the file, the likeliest class compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.edge import edge_contract, photographs
from export.edge.kind import Answer, Array, EdgeKind, Served
from serving_config.tensor_names import INPUT_TENSOR, LOGITS
from signature_contract.contract import Contract

if TYPE_CHECKING:
    from export.edge.interpreter import EdgeModel


def _write(
    version: Path, contract: Contract, forms: Sequence[str], ranges: Sequence[Path], directory: Path
) -> dict[str, Path]:
    from export.edge import writing  # loads TensorFlow

    return writing.classifier(version, contract, forms, ranges, directory)


def _best(outputs: Mapping[str, Array]) -> int:
    return int(outputs[LOGITS][0].argmax())


def _original(served: Served) -> Answer:
    return lambda pixels: _best(served(pixels))


def _answering(model: EdgeModel) -> Answer:
    return lambda pixels: _best(model.run({INPUT_TENSOR: pixels}))


def _quality(
    answers: Sequence[int], original: Sequence[int], truth: Sequence[int], _classes: int
) -> dict[str, float]:
    """Return accuracy and how answers moved.

    Args:
        answers: Class by image, of the runtime that is measured.
        original: The same, of the SavedModel.
        truth: Label by image.

    Returns:
        ``accuracy``; ``lost`` and ``gained``: images that the original alone, or this one alone,
        has right; ``agreement``: share of images that both answer alike.
    """
    mine, theirs, labels = np.array(answers), np.array(original), np.array(truth)
    return {
        "accuracy": float((mine == labels).mean()),
        "lost": int(((theirs == labels) & (mine != labels)).sum()),
        "gained": int(((theirs != labels) & (mine == labels)).sum()),
        "agreement": float((mine == theirs).mean()),
    }


EDGE = EdgeKind(
    choose=photographs.choose,
    narrow=edge_contract.of_classifier,
    write=_write,
    original=_original,
    answering=_answering,
    quality=_quality,
)
