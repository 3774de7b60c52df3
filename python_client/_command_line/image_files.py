"""The commands that ask about image files, one by one: a JSON line a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from python_client import drawing
from python_client._command_line.connection import addressed
from python_client._command_line.json_lines import one_line, write
from python_client._vision_client import VisionClient
from python_client.errors import (
    ContractBrokenError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    VisionClientError,
)
from serving_config.image_files import ImageFileError

# Whatever the file: the next one would get the same answer.
_HOPELESS = (
    ContractBrokenError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)


def classify(client: VisionClient, options: argparse.Namespace) -> int:
    """Classify each file; return the exit code."""

    def answer(_: Path, image: bytes) -> dict[str, Any]:
        (found,) = client.classify(image, **addressed(options))
        return {
            "label": found.label,
            "probability": found.probability,
            "probabilities": dict(found.probabilities),
        }

    return _each_file(options.files, answer)


def detect(client: VisionClient, options: argparse.Namespace) -> int:
    """Find the objects in each file, and draw them where that is asked; return the exit code.

    Raises:
        drawing.DrawingUnavailableError: Images are asked for, and Pillow is not installed.
        InputError: The directory for the images cannot be made.
    """
    folder = Path(options.draw) if options.draw else None
    if folder:
        drawing.require()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise InputError(
                f"expected a directory to draw into, received {folder}: {err}"
            ) from err
    drawn: set[Path] = set()

    def answer(file: Path, image: bytes) -> dict[str, Any]:
        (found,) = client.detect(image, min_score=options.min_score, **addressed(options))
        line: dict[str, Any] = {
            "detections": [
                {
                    "label": one.label,
                    "class": one.class_id,
                    "score": one.score,
                    "box": asdict(one.box),
                }
                for one in found
            ]
        }
        if folder:
            path = _unused(folder, file.stem, drawn)
            drawing.draw(image, found).save(path)
            line["drawn"] = str(path)
        return line

    return _each_file(options.files, answer)


def _each_file(files: list[str], answer: Callable[[Path, bytes], Mapping[str, Any]]) -> int:
    """Answer the files one by one: one that cannot be answered does not hide the others."""
    failed = False
    for file in files:
        try:
            line = answer(Path(file), Path(file).read_bytes())
        except _HOPELESS:
            raise
        except OSError as err:
            failed = True
            write({"file": file, "error": err.strerror or str(err)})
        except (VisionClientError, ImageFileError) as err:
            failed = True
            write({"file": file, "error": one_line(err)})
        else:
            write({"file": file, **line})
    return int(failed)


def _unused(folder: Path, stem: str, used: set[Path]) -> Path:
    """Find a name that no other file of this run has; an image of an earlier run is replaced."""
    path, count = folder / f"{stem}.png", 1
    while path in used:
        count += 1
        path = folder / f"{stem}-{count}.png"
    used.add(path)
    return path
