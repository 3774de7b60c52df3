"""Photographs that stand in a data set twice, where that does harm.

Under two labels they contradict each other; on both sides of the split they are learnt by heart and
then asked for. Both are said before anything trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export import repeats
from export.classifier.photographs import Photographs
from export.duplicates import ImageSet
from export.file_names import escaped

Array = np.ndarray[Any, Any]


def find(
    photographs: Photographs, contents: Mapping[Path, str], validation: Array
) -> dict[str, Any]:
    """Find photographs under two labels, and on both sides of the split; warn of them.

    Args:
        photographs: The data set, read.
        contents: SHA-256 of each file.
        validation: Positions of those that are held out.

    Returns:
        ``across_classes`` and ``across_split``, each as :func:`export.repeats.concerning` gives it.
    """
    names = [escaped(path.relative_to(photographs.directory)) for path in photographs.paths]
    digests = [contents[path] for path in photographs.paths]
    thumbnails = np.array(photographs.thumbnails, np.uint8)
    pairs = repeats.find(ImageSet(photographs.paths, digests, thumbnails))
    labels, held_out = photographs.labels, set(validation.tolist())
    return {
        "across_classes": repeats.concerning(
            pairs,
            names,
            lambda first, second: labels[first] != labels[second],
            "stand in two class folders; which label is right?",
        ),
        "across_split": repeats.concerning(
            pairs,
            names,
            lambda first, second: (first in held_out) != (second in held_out),
            "are trained on and validated with: accuracy will look too good",
        ),
    }
