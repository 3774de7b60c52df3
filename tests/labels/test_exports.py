"""What other people's tools write of one small data set is read as that data set.

``exports/make.py`` says which tools, in which versions, and how.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.labels.samples import DetectionData
from tests.labels.reading import load

EXPORTS = Path(__file__).parent / "exports"
TRUTH: dict[str, list[Any]] = json.loads((EXPORTS / "truth.json").read_text(encoding="utf-8"))
LAYOUTS = ("voc", "coco", "yolo", "cvat", "json")
WRITTEN = sorted(path.name for path in EXPORTS.iterdir() if path.is_dir())

# What the tools themselves get wrong.
MISTAKES = {
    "pylabel_coco": "annotation 3: it is there twice; it is used once",
    "pylabel_yolo": "what is trained on and what is held out are the same images",
}


def objects(data: DetectionData) -> dict[str, list[tuple[str, list[float]]]]:
    """Return what is in each image, by its name without a suffix."""
    return {
        sample.path.stem: [
            (data.class_names[label], box.tolist())
            for label, box in zip(sample.classes, sample.boxes, strict=True)
        ]
        for sample in data.samples
    }


def test_tools_enough_have_written() -> None:
    assert len({name.partition("_")[0] for name in WRITTEN}) >= 5
    assert all(any(layout in name for name in WRITTEN) for layout in LAYOUTS)


def test_the_guide_lists_what_was_written() -> None:
    guide = (EXPORTS.parents[2] / "docs" / "labels.md").read_text(encoding="utf-8")
    table = guide.partition("## What other tools write")[2].partition("\n## ")[0]
    tools = "|".join(sorted({name.partition("_")[0] for name in WRITTEN}))
    assert sorted(re.findall(rf"`((?:{tools})_\w+)`", table)) == WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_tool_wrote_is_read_as_it_was_meant(name: str) -> None:
    data = load(EXPORTS / name, need_objects=False)
    tool, written = re.fullmatch(r"(label_studio|[a-z]+)_(\w+)", name).groups()  # type: ignore[union-attr]
    kind = next(kind for kind in LAYOUTS if kind in written)
    assert data.layout == (tool if kind == "json" else kind)
    told = MISTAKES.get(name)
    assert len(data.problems) == bool(told), data.problems
    assert all(told in str(problem) for problem in data.problems)
    found = objects(data)
    assert found.keys() == TRUTH.keys()
    for image, expected in TRUTH.items():
        # Its own order, and a pixel for those that count them otherwise than VOC does.
        assert [label for label, _ in sorted(found[image])] == sorted(e[0] for e in expected)
        for (_, box), (_, true) in zip(sorted(found[image]), sorted(expected), strict=True):
            np.testing.assert_allclose(box, true, atol=1.01)
