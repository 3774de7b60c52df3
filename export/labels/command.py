"""``python -m export labels``: what is understood of a folder of labels, without training."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.errors import SettingsError
from export.labels import arguments as options
from export.labels import data_sets, drawing
from export.labels.drawing import DrawnBox
from export.labels.preparation import Reading
from export.labels.samples import DetectionData, Sample

log = logging.getLogger(__name__)

_SHOWN_PROBLEMS = 20
_COMMONEST = 5
_LONGEST_STEM = 200  # bytes; systems take 255 for a name


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with parsed arguments.

    Raises:
        SettingsError: An option cannot work.
        ExportError: The labels cannot be used at all.
    """
    if arguments.count < 0:
        raise SettingsError(f"--count must be 0 or more, received {arguments.count}")
    if not 0 < arguments.validation_fraction < 1:
        raise SettingsError(
            "--validation-fraction must lie between 0 and 1, received "
            f"{arguments.validation_fraction}"
        )
    reading = Reading(
        options.classes(arguments.classes),
        arguments.on_bad_input,
        arguments.validation_fraction,
        arguments.seed,
        need_objects=False,
    )
    data = data_sets.load(arguments.data, arguments.format, reading)
    for line in describe(data):
        log.info("%s", line)
    found = summary(data)
    if arguments.count:
        found["pictures"] = [str(path) for path in _draw(data, arguments.pictures, arguments.count)]
        log.info("%d pictures are in %s", len(found["pictures"]), arguments.pictures)
    return found


def summary(data: DetectionData) -> dict[str, Any]:
    """Return what was understood, as JSON."""
    sizes = Counter(f"{sample.width}x{sample.height}" for sample in data.samples)
    return {
        "layout": data.layout,
        "images": {part: len(samples) for part, samples in data.parts.items()},
        "without_objects": sum(not len(sample.boxes) for sample in data.samples),
        "boxes": {
            name: {part: _boxes_of(samples, label) for part, samples in data.parts.items()}
            for label, name in enumerate(data.class_names)
        },
        "ignored": sum(int(sample.ignored.sum()) for sample in data.samples),
        "split": data.split,
        "sizes": dict(sizes.most_common(_COMMONEST)),
        "notes": list(data.notes),
        "repeats": dict(data.repeats),
        "problems": len(data.problems),
        "first_problems": [str(problem) for problem in data.problems[:_SHOWN_PROBLEMS]],
    }


def describe(data: DetectionData) -> list[str]:
    """Say what was understood, in lines for a person."""
    found = summary(data)
    parts = [f"{number} {part}" for part, number in found["images"].items() if number]
    said = f" ({', '.join(parts)}; {data.split})" if parts else ""
    lines = [f"layout {data.layout}: {len(data.samples)} usable images{said}"]
    if found["without_objects"]:
        lines.append(f"{found['without_objects']} images without objects")
    if found["sizes"]:
        sizes = [f"{size} ({number})" for size, number in found["sizes"].items()]
        more = len({(sample.width, sample.height) for sample in data.samples}) > _COMMONEST
        lines.append(f"sizes: {', '.join(sizes)}{', …' if more else ''}")
    for name, parts in found["boxes"].items():
        each = ", ".join(f"{number} {part}" for part, number in parts.items() if number)
        lines.append(f"class {name}: {sum(parts.values())} boxes ({each or 'none'})")
    if found["ignored"]:
        lines.append(f"{found['ignored']} of these boxes are difficult or crowds: never asked for")
    lines.append(f"{len(data.problems)} problems" + (", named above" if data.problems else ""))
    return lines


def _boxes_of(samples: Sequence[Sample], label: int) -> int:
    return sum(int((sample.classes == label).sum()) for sample in samples)


def _draw(data: DetectionData, directory: Path, count: int) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    part_of = {s.path: part for part, samples in data.parts.items() for s in samples}
    paths = []
    for number, sample in enumerate(_chosen(data, count), 1):
        boxes = [
            DrawnBox(
                (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                int(label),
                "ignored" if ignored else "",
            )
            for box, label, ignored in zip(
                sample.boxes, sample.classes, sample.ignored, strict=True
            )
        ]
        title = f"{sample.path.name}, {part_of[sample.path]}"
        picture = drawing.draw(sample.path, boxes, data.class_names, title)
        stem = sample.path.stem.encode("utf-8", "replace")[:_LONGEST_STEM].decode("utf-8", "ignore")
        path = directory / f"{number:02d}_{stem}.png"
        picture.save(path)
        paths.append(path)
    return paths


def _chosen(data: DetectionData, count: int) -> list[Sample]:
    """Choose images so that each class, and an image without objects, comes in turn."""
    kinds = [
        [sample for sample in data.samples if label in sample.classes]
        for label in range(len(data.class_names))
    ]
    kinds.append([sample for sample in data.samples if not len(sample.boxes)])
    chosen: dict[Path, Sample] = {}
    while len(chosen) < count and any(kinds):
        for kind in kinds:
            while kind and kind[0].path in chosen:
                kind.pop(0)
            if kind and len(chosen) < count:
                sample = kind.pop(0)
                chosen[sample.path] = sample
    return list(chosen.values())
