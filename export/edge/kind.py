"""What differs between kinds of model when TFLite files are made of them and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.edge.photographs import EdgePhotographs
from signature_contract.contract import Contract

if TYPE_CHECKING:
    from export.edge.interpreter import EdgeModel

Array = np.ndarray[Any, Any]

Answer = Callable[[Array], Any]
"""From uint8 [1, height, width, 3] to what is compared with the truth."""

Served = Callable[[Array], Mapping[str, Array]]
"""From the same to the outputs of the published version."""


@dataclass(frozen=True)
class EdgeKind:
    """One kind of model on the edge.

    Attributes:
        choose: Finds the photographs, as :func:`export.edge.photographs.choose` does.
        narrow: From a published contract and the version's number to what its files keep of it.
        write: Converts to every form, as :func:`export.edge.writing.classifier` does.
        original: Makes what is measured of the published version's outputs.
        answering: Makes what is measured of a TFLite file.
        quality: From answers, the original's answers, truth and the number of classes to figures;
            ``accuracy`` is among them.
    """

    choose: Callable[[Path, Sequence[str], Path | None, int], EdgePhotographs]
    narrow: Callable[..., Contract]
    write: Callable[
        [Path, Contract, Sequence[str], Sequence[Path], Path],
        dict[str, Path],
    ]
    original: Callable[[Served], Answer]
    answering: Callable[[EdgeModel], Answer]
    quality: Callable[[Sequence[Any], Sequence[Any], Sequence[Any], int], dict[str, float]]
