"""Ask a model in three ways: both clients over gRPC, and Java with the model inside its process.

Whatever the way, the answers about the same files must be the same numbers.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo import classifier, detector
from demo.errors import DemoError
from demo.kind import MIN_SCORE, Answer, DemoKind
from python_client import VisionClient
from serving_config.tensor_names import SERVING_BYTES
from signature_contract import contract as contracts
from signature_contract.comparison import Comparison, compare
from signature_contract.contract import Contract, Difference

JAR = Path(__file__).parent.parent / "java_client" / "target" / "vision-client.jar"

PYTHON, JAVA, JAVA_EMBEDDED = WAYS = (
    "Python client, gRPC",
    "Java client, gRPC",
    "Java, embedded",
)

KINDS = {"classifier": classifier.KIND, "detector": detector.KIND}
"""Kind by model."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        model: Its name, a key of :data:`KINDS`.
        version: The published version.
        files: Photographs.
    """

    model: str
    version: Path
    files: tuple[Path, ...]

    @property
    def kind(self) -> DemoKind:
        """How such a model is asked."""
        return KINDS[self.model]

    @property
    def contract(self) -> Contract:
        """The version's own contract."""
        return contracts.load(self.version)


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
    contract = question.contract
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
    with VisionClient(target, model=question.model, contract=question.version) as client:
        client.check_contract()
        return question.kind.ask(client, question.files, question.contract, drawn)


def _ask_java(question: Question, *source: str) -> list[Answer]:
    kind = question.kind
    command = ["java", "-jar", str(JAR), kind.verb, *source, *kind.options]
    done = subprocess.run(
        [*command, *map(str, question.files)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"the Java client failed ({shlex.join(command)} …):\n{done.stderr}")
    contract = question.contract
    return [kind.read(json.loads(line), contract) for line in done.stdout.splitlines()]
