"""What differs between the demo's models; asking and comparing is one code for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from python_client import VisionClient
from signature_contract.contract import Contract

Array = np.ndarray[Any, Any]
Rows = list[tuple[str, str]]

MIN_SCORE = 0.5
"""Detections below it are not shown."""


@dataclass(frozen=True)
class Answer:
    """What was answered about one file.

    Attributes:
        text: The answer in short.
        confidence: Of the class, or of the least sure of the objects; 1 where none was found.
        outputs: The answer as the contract lays it out, one image.
    """

    text: str
    confidence: float
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class DemoKind:
    """One kind of model in the demo.

    Attributes:
        verb: The command of both clients that asks it.
        options: Options of that command.
        ask: Asks about files through a client; pictures, if there are any, go into the folder.
        read: Makes an answer of a line that the Java client prints.
        files: Finds what a version can be asked about: images that it was not trained on. Takes
            the version and the folder of test scenes.
        rows: The figures of its training for the closing table, from the results of training and
            of ``evaluate``.
    """

    verb: str
    options: tuple[str, ...]
    ask: Callable[[VisionClient, Sequence[Path], Contract, Path], list[Answer]]
    read: Callable[[Mapping[str, Any], Contract], Answer]
    files: Callable[[Path, Path], list[Path]]
    rows: Callable[[Mapping[str, Any], Mapping[str, Any]], Rows]
