"""Ask a model in three ways: both clients over gRPC, and Java with the model inside its process.

Whatever the way, the answers about the same files must be the same numbers.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.errors import DemoError
from python_client import VisionClient, drawing
from serving_config import contract as contracts
from serving_config import layout
from serving_config.comparison import Comparison, compare
from serving_config.contract import Difference
from serving_config.tensor_names import PROBABILITIES, SERVING_BYTES

Array = np.ndarray[Any, Any]

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
        outputs: The answer as the contract lays it out, one image.
    """

    text: str
    confidence: float
    outputs: Mapping[str, Array]


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


def compared(question: Question, answers: Mapping[str, Sequence[Answer]]) -> Comparison:
    """Hold what every way answered about a file to what the first one did.

    Returns:
        The largest distance of each output over all files, and every difference beyond the
        contract's tolerance.
    """
    contract = contracts.load(question.version)
    signature = contract.signature(SERVING_BYTES)
    # Only what is shown was asked for, so that is where the lists are cut.
    parameters = {**contract.parameters, "score_threshold": MIN_SCORE}
    first, *others = answers
    distances: dict[str, float] = {}
    differences: list[Difference] = []
    for way in others:
        for file, one, other in zip(question.files, answers[first], answers[way], strict=True):
            where = f"{way}, {file.name}"
            found = compare(one.outputs, other.outputs, signature, parameters, where)
            differences += found.differences
            for name, distance in found.distances.items():
                distances[name] = max(distance, distances.get(name, 0.0))
    return Comparison(distances, tuple(differences))


def _ask_python(question: Question, target: str, drawn: Path) -> list[Answer]:
    images = [file.read_bytes() for file in question.files]
    with VisionClient(target, model=question.model, contract=question.version) as client:
        client.check_contract()
        if question.model == "classifier":
            return [_of_classes(found.probabilities, question) for found in client.classify(images)]
        drawn.mkdir(parents=True, exist_ok=True)
        answers = []
        for file, image, found in zip(
            question.files, images, client.detect(images, min_score=MIN_SCORE), strict=True
        ):
            drawing.draw(image, found).save(drawn / f"{file.stem}.png")
            answers.append(_of_objects([asdict(one) for one in found], question))
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
        return [_of_classes(line["probabilities"], question) for line in lines]
    return [_of_objects(line["detections"], question) for line in lines]


def _of_classes(probabilities: Mapping[str, float], question: Question) -> Answer:
    best = max(probabilities, key=lambda name: probabilities[name])
    highest = probabilities[best]
    names = contracts.load(question.version).class_names
    row = [probabilities.get(name, np.nan) for name in names]
    return Answer(f"{best} {highest:.6f}", highest, {PROBABILITIES: np.array([row])})


def _of_objects(objects: Sequence[Mapping[str, Any]], question: Question) -> Answer:
    contract = contracts.load(question.version)
    names = contract.class_names
    entries = [
        (
            1 + names.index(one["label"]),
            one["score"],
            [one["box"][edge] for edge in ("ymin", "xmin", "ymax", "xmax")],
        )
        for one in objects
    ]
    outputs = layout.detections([entries], contract.bound["N"])
    found = ", ".join(f"{one['label']} {one['score']:.4f}" for one in objects)
    lowest = min((one["score"] for one in objects), default=1.0)
    return Answer(found or "nothing", lowest, outputs)
