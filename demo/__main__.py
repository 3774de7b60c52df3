"""``make demo``: from pictures to answers, for both models and in three ways.

A classifier learns photographs, a detector learns handwritten digits stuck onto photographs. One
server hosts both. Everything runs as users run it: ``python -m export``, ``python -m
model_server``, the Python client and the Java client are programs and processes of their own.
Nothing is left running.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.asking import JAR, KINDS, WAYS, Question, ask
from demo.digits import write_data_sets
from demo.errors import DemoError
from demo.hosting import serving, write_models_config
from demo.photographs import write_data_set
from demo.pictures import draw_predictions, draw_training
from demo.summary import Outcome, summary
from demo.training import measure_detector, train_classifier, train_detector
from signature_contract import contract as contracts
from signature_contract.version_files import RUN_FILE, extra

log = logging.getLogger("demo")

SCENES = 600
"""Scenes that the detector is trained on by default."""

_FEWEST_SCENES = 24
_ASKED = 8  # photographs a model; the pictures show them all


@dataclass
class Clock:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and time it."""
        log.info("── %s", name)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--data", type=Path, help="class folders of your own for the classifier")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="default %(default)s")
    parser.add_argument(
        "--scenes",
        type=int,
        default=SCENES,
        metavar="N",
        help="how many scenes the detector is trained on; 0 leaves the detector out (%(default)s)",
    )
    arguments = parser.parse_args(argv)
    if arguments.scenes != 0 and arguments.scenes < _FEWEST_SCENES:
        parser.error(f"--scenes must be 0 or at least {_FEWEST_SCENES}, got {arguments.scenes}")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        show(arguments.data, arguments.out.resolve(), arguments.scenes)
    except DemoError as err:
        print(f"demo: {err}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def show(data_dir: Path | None, out: Path, scenes: int) -> None:
    """Train, serve, ask, compare, draw, and print the table.

    Args:
        data_dir: A folder of class folders, or None for the photographs of scikit-image.
        out: Where everything is left.
        scenes: How many scenes the detector is trained on; 0 leaves it out.

    Raises:
        DemoError: A step failed, or the answers differ by more than the tolerance.
    """
    if not JAR.exists():
        raise DemoError(f"{JAR.name} is not built; run: make java")
    out.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    models, digits, config = out / "models", out / "digits", out / "models.config"
    if data_dir is None:
        with clock.step("cut photographs"):
            data_dir = write_data_set(out / "photographs")
    with clock.step("train, export, verify the classifier"):
        results = [train_classifier(data_dir, models)]
    if scenes:
        with clock.step("stick digits onto photographs"):
            shutil.rmtree(digits, ignore_errors=True)  # scenes of an earlier run
            write_data_sets(digits, scenes, scenes // 8)
        with clock.step("train, export, verify the detector"):
            results.append(train_detector(digits / "training", models))
    questions = [question_for(result, digits / "test") for result in results]
    write_models_config(config, models, [question.model for question in questions])
    with contextlib.ExitStack() as stack:
        with clock.step("start the server"):
            target = stack.enter_context(serving(config, out / "server.log"))
        answers = []
        for way in WAYS:
            with clock.step(f"ask: {way}"):
                answers.append([ask(way, q, target, out / "detections") for q in questions])
        measured: list[dict[str, Any] | None] = [None] * len(results)
        if scenes:
            with clock.step("measure the detector"):
                measured[-1] = measure_detector(
                    questions[-1].version, digits / "test", target, out / "evaluation"
                )
    outcomes = [
        Outcome(result, question, dict(zip(WAYS, given, strict=True)), figures)
        for result, question, given, figures in zip(
            results, questions, zip(*answers, strict=True), measured, strict=True
        )
    ]
    with clock.step("pictures"):
        pictures = draw(outcomes[0], out)
    if scenes:
        pictures += [out / "detections", out / "evaluation"]
    print(summary(outcomes, pictures, config, clock.seconds))  # noqa: T201
    for outcome in outcomes:
        if differences := outcome.comparison.differences:
            raise DemoError("\n  - ".join(["the ways of asking differ:", *map(str, differences)]))


def question_for(result: dict[str, Any], scenes: Path) -> Question:
    """Choose photographs that the model was not trained on.

    Args:
        result: What ``python -m export`` said.
        scenes: The detector's test data set.
    """
    version = Path(result["path"])
    files = KINDS[result["model"]].files(version, scenes)
    return Question(result["model"], version, tuple(files[:_ASKED]))


def draw(classifier: Outcome, out: Path) -> list[Path]:
    """Draw the classifier's answers and training; return the pictures' paths."""
    predictions, training = out / "predictions.png", out / "training.png"
    question = classifier.question
    names = contracts.load(question.version).class_names
    probabilities = [
        dict(zip(names, answer.outputs["probabilities"][0].tolist(), strict=True))
        for answer in classifier.answers[WAYS[0]]
    ]
    draw_predictions(predictions, question.files, probabilities)
    draw_training(training, extra(question.version, RUN_FILE))
    return [predictions, training]


if __name__ == "__main__":
    sys.exit(main())
