"""Ask a model in three ways: both clients over gRPC, and Java with the model inside its process.

Whatever the way, the answers about the same files must be the same numbers.
"""

from __future__ import annotations

import json
import math
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from python_client import VisionClient, drawing

JAR = Path(__file__).parent.parent / "java_client" / "target" / "vision-client.jar"

PYTHON, JAVA, JAVA_EMBEDDED = WAYS = (
    "Python client, gRPC",
    "Java client, gRPC",
    "Java, embedded",
)

MIN_SCORE = 0.5
"""Detections below it are not shown."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        model: ``classifier`` or ``detector``.
        version: The published version.
        files: Photographs.
    """

    model: str
    version: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Answer:
    """What was answered about one file.

    Attributes:
        text: The answer in short.
        confidence: Of the class, or of the least sure of the objects; 1 where none was found.
        figures: Every number of it, by name.
    """

    text: str
    confidence: float
    figures: Mapping[str, float]


def ask(way: str, question: Question, target: str, drawn: Path) -> list[Answer]:
    """Ask about every file.

    Args:
        way: One of :data:`WAYS`.
        question: What to ask.
        target: ``host:port`` of the server.
        drawn: Where the Python client's pictures of detections go.

    Returns:
        The answers in the files' order.

    Raises:
        DemoError: The Java client failed.
        VisionClientError: The Python client failed.
    """
    if way == PYTHON:
        return _ask_python(question, target, drawn)
    if way == JAVA:
        return _ask_java(question, "--server", target, "--contract", str(question.version))
    return _ask_java(question, "--model", str(question.version))


def farthest(answers: Mapping[str, Sequence[Answer]]) -> float:
    """Return the largest difference between two ways, of any number about any file.

    Infinite where one way names a class or finds an object that another does not.
    """
    first, *others = answers.values()
    return max(
        _distance(one.figures, another.figures)
        for other in others
        for one, another in zip(first, other, strict=True)
    )


def _ask_python(question: Question, target: str, drawn: Path) -> list[Answer]:
    images = [file.read_bytes() for file in question.files]
    with VisionClient(target, model=question.model, contract=question.version) as client:
        client.check_contract()
        if question.model == "classifier":
            return [_of_classes(found.probabilities) for found in client.classify(images)]
        drawn.mkdir(parents=True, exist_ok=True)
        answers = []
        for file, image, found in zip(
            question.files, images, client.detect(images, min_score=MIN_SCORE), strict=True
        ):
            drawing.draw(image, found).save(drawn / f"{file.stem}.png")
            answers.append(_of_objects([asdict(one) for one in found]))
        return answers


def _ask_java(question: Question, *source: str) -> list[Answer]:
    verb = "classify" if question.model == "classifier" else "detect"
    command = ["java", "-jar", str(JAR), verb, *source]
    if verb == "detect":
        command += ["--min-score", str(MIN_SCORE)]
    done = subprocess.run(
        [*command, *map(str, question.files)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"the Java client failed ({shlex.join(command)} …):\n{done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if verb == "classify":
        return [_of_classes(line["probabilities"]) for line in lines]
    return [_of_objects(line["detections"]) for line in lines]


def _of_classes(probabilities: Mapping[str, float]) -> Answer:
    best = max(probabilities, key=lambda name: probabilities[name])
    highest = probabilities[best]
    return Answer(f"{best} {highest:.6f}", highest, dict(probabilities))


def _of_objects(objects: Sequence[Mapping[str, Any]]) -> Answer:
    figures = {}
    for place, one in enumerate(objects, 1):
        name = f"{place}, {one['label']}"
        figures[f"{name}: score"] = one["score"]
        figures |= {f"{name}: {edge}": value for edge, value in one["box"].items()}
    found = ", ".join(f"{one['label']} {one['score']:.4f}" for one in objects)
    lowest = min((one["score"] for one in objects), default=1.0)
    return Answer(found or "nothing", lowest, figures)


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if one.keys() != other.keys():
        return math.inf
    return max((abs(value - other[name]) for name, value in one.items()), default=0.0)
