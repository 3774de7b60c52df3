"""Checks that run in a program of their own, and tell what they find line by line.

The program says what it is about to do before it does it: when it ends in the middle, the last line
tells what ended it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from signature_contract.checking.answers import Model, Question, judge
from signature_contract.checking.outcome import Item
from signature_contract.checking.processes import complete, how_it_ended
from signature_contract.contract import Contract, Difference

# Lines of TensorFlow's errors that say where, not what.
_PLACES = ("Graph execution error:", "Detected at node", "Node:", "File ", "[[", "Original stack")

LOAD = "load"
"""The first step, and its item."""


class Report:
    """Where a program tells what it finds: a file of its own, for a model may print what it likes.

    Args:
        path: A file that exists; a JSON object a line is added.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def begin(self, step: str) -> None:
        """Say what comes next: it may be the last."""
        self._say(begin=step)

    def item(self, item: Item) -> None:
        """Say what was found about one item."""
        self._say(
            item=item.name,
            differences=[asdict(one) for one in item.differences],
            distances=dict(item.distances),
        )

    def _say(self, **message: Any) -> None:
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()


def answer_questions(
    load: Callable[[], Model], asked: Iterable[Question], contract: Contract, report: Report
) -> None:
    """Be the program: load the model, put the questions, report what was found.

    Args:
        load: Loads it; whatever it raises is a finding.
        asked: The questions.
        contract: What the model is held to.
        report: Where to.
    """
    model = load_model(load, report)
    if model is None:
        return
    broken = set()
    for question in asked:
        key = question.case.signature
        if question.hostile and key in broken:
            continue  # it refuses anything
        report.begin(question.item)
        item = judge(model, question, contract)
        if not question.hostile and not item.distances and item.differences:
            broken.add(key)
        report.item(item)


def load_model(load: Callable[[], Model], report: Report) -> Model | None:
    """Load a model and report how that went.

    Args:
        load: Loads it; whatever it raises is a finding.
        report: Where to.

    Returns:
        The model; None where it could not be loaded.
    """
    report.begin(LOAD)
    try:
        model = load()
    except Exception as err:  # whatever a loader raises is the finding
        report.item(Item(LOAD, (Difference("load", "the loader", "the model", first_line(err)),)))
        return None
    report.item(Item(LOAD))
    return model


def run_program(
    module: str, arguments: Sequence[str | Path], expected: Sequence[str]
) -> dict[str, Item]:
    """Start such a program and read what it found.

    Args:
        module: Its module; it takes ``--report FILE`` beside the arguments.
        arguments: Its command line.
        expected: The items that it decides, in order, without loading.

    Returns:
        Item by name, loading first. What came after the program's end is skipped.
    """
    with tempfile.NamedTemporaryFile(prefix="vision-contract-", suffix=".jsonl") as report:
        command = [sys.executable, "-m", module, *map(str, arguments), "--report", report.name]
        done = complete(command)
        lines = Path(report.name).read_text(encoding="utf-8").splitlines()
    items: dict[str, Item] = {}
    step = LOAD
    for line in lines:
        message = json.loads(line)
        step = message.get("begin", step)
        if "item" in message:
            items[message["item"]] = _item(message)
    if done.returncode:
        ended = Difference("process-ended", step, "the process to live", how_it_ended(done))
        items[step] = Item(step, (*items.get(step, Item(step)).differences, ended))
    for name in expected:
        items.setdefault(name, _undecided(name, items, done.returncode, step))
    return items


def _undecided(name: str, items: Mapping[str, Item], code: int, step: str) -> Item:
    """Return an item that the program never came to: skipped for a reason, or wrong."""
    if items.get(LOAD, Item(LOAD)).differences:
        return Item(name, skipped="the model could not be loaded")
    if code:
        return Item(name, skipped=f"the process ended before: {step}")
    if name.startswith("hostile "):
        return Item(name, skipped="nothing of its signature could be answered")
    return Item(name, (Difference("process-ended", name, "an answer", "none was looked at"),))


def _item(message: Mapping[str, Any]) -> Item:
    differences = tuple(
        Difference(**{**one, "available": tuple(one["available"])})
        for one in message["differences"]
    )
    return Item(message["item"], differences, distances=message["distances"])


def first_line(err: BaseException) -> str:
    """Return the part of an exception's message that says what happened."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_PLACES)]
    return lines[0] if lines else type(err).__name__
