"""What the demo says at its end."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.asking import JAR, Question, compared
from demo.kind import Answer, Rows
from serving_config.tensor_names import SERVING_BYTES
from signature_contract import contract as contracts
from signature_contract.comparison import Comparison


@dataclass(frozen=True)
class Outcome:
    """What came of one model.

    Attributes:
        result: What ``python -m export`` said.
        question: What was asked.
        answers: By way of asking, in the files' order.
        measured: What ``evaluate`` said of a detector.
    """

    result: Mapping[str, Any]
    question: Question
    answers: Mapping[str, Sequence[Answer]]
    measured: Mapping[str, Any] | None = None

    @functools.cached_property
    def comparison(self) -> Comparison:
        """How the ways of asking compare."""
        return compared(self.question, self.answers)

    @property
    def farthest(self) -> str:
        """The output that lies farthest apart, for people, with its tolerance."""
        outputs = contracts.load(self.question.version).signature(SERVING_BYTES).outputs
        name = max(self.comparison.distances, key=lambda output: self.comparison.distances[output])
        return (
            f"{name} {self.comparison.distances[name]:.1e} over {len(self.question.files)} "
            f"photographs (tolerance {outputs[name].tolerance})"
        )

    @property
    def example(self) -> int:
        """Position of the file whose first answer is least sure: it shows most."""
        answers = next(iter(self.answers.values()))
        return min(range(len(answers)), key=lambda position: answers[position].confidence)


def summary(
    outcomes: Sequence[Outcome],
    pictures: Sequence[Path],
    config: Path,
    seconds: Mapping[str, float],
) -> str:
    """Compose the closing table and the commands to try next.

    Args:
        outcomes: The models, the classifier first.
        pictures: Files and folders to look at.
        config: The ``models.config``.
        seconds: Duration of each step by its name.
    """
    rows: Rows = []
    for outcome in outcomes:
        rows += _rows_of(outcome)
    rows += [
        ("pictures", ", ".join(map(_shown, pictures))),
        *((f"  {step}", f"{duration:.1f} s") for step, duration in seconds.items()),
        ("in all", f"{sum(seconds.values()):.1f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    body = "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
    commands = "\n".join(f"  {command}" for command in _next(outcomes, config))
    return f"\n{body}\n\nTry next:\n{commands}"


def _rows_of(outcome: Outcome) -> Rows:
    result, question = outcome.result, outcome.question
    return [
        (question.model, ", ".join(result["classes"])),
        *question.kind.rows(result, outcome.measured or {}),
        ("  weights", f"{result['weights']['source']}: {result['weights']['description']}"),
        ("  published", _shown(question.version)),
        ("  asked about", _shown(question.files[outcome.example])),
        *((f"    {way}", given[outcome.example].text) for way, given in outcome.answers.items()),
        ("  farthest apart", outcome.farthest),
    ]


def _next(outcomes: Sequence[Outcome], config: Path) -> list[str]:
    python, jar = _word(Path(sys.executable)), _word(JAR)
    classifier, *_ = outcomes
    *_, last = outcomes
    photograph, scene = (_word(o.question.files[o.example]) for o in (classifier, last))
    verb, options = "classify", ""
    if last is not classifier:
        contract, pictures = _word(last.question.version), _word(config.parent)
        verb, options = "detect", f" --contract {contract} --draw {pictures}"
    return [
        f"{python} -m model_server --port=8500 --model_config_file={_word(config)}",
        f"{python} -m python_client {verb} --server localhost:8500{options} {scene}",
        f"java -jar {jar} classify --model {_word(classifier.question.version)} {photograph}",
    ]


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _word(path: Path) -> str:
    return shlex.quote(_shown(path))
