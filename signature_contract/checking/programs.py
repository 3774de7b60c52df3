"""Checks that run in a program of their own, and tell what they find line by line.

The program says what it is about to do before it does it: when it ends in the middle, the last line
tells what ended it.
"""

from __future__ import annotations

import json
import sys
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


def say(**message: Any) -> None:
    """Print one JSON line at once: the next step may be the last."""
    print(json.dumps(message), flush=True)  # noqa: T201  # the program's output


def answer_questions(
    load: Callable[[], Model], asked: Iterable[Question], contract: Contract
) -> None:
    """Be the program: load the model, put the questions, print what was found.

    Args:
        load: Loads it; whatever it raises is a finding.
        asked: The questions.
        contract: What the model is held to.
    """
    model = load_model(load)
    if model is None:
        return
    broken = set()
    for question in asked:
        key = question.case.signature
        if question.hostile and key in broken:
            continue  # it refuses anything
        say(begin=question.item)
        item = judge(model, question, contract)
        if not question.hostile and not item.distances and item.differences:
            broken.add(key)
        say_item(item)


def load_model(load: Callable[[], Model]) -> Model | None:
    """Load a model and say how that went.

    Args:
        load: Loads it; whatever it raises is a finding.

    Returns:
        The model; None where it could not be loaded.
    """
    say(begin=LOAD)
    try:
        model = load()
    except Exception as err:  # whatever a loader raises is the finding
        say_item(Item(LOAD, (Difference("load", "the loader", "the model", first_line(err)),)))
        return None
    say_item(Item(LOAD))
    return model


def say_item(item: Item) -> None:
    """Print what was found about one item."""
    say(
        item=item.name,
        differences=[asdict(one) for one in item.differences],
        distances=dict(item.distances),
    )


def run_program(
    module: str, arguments: Sequence[str | Path], expected: Sequence[str]
) -> dict[str, Item]:
    """Start such a program and read what it found.

    Args:
        module: Its module.
        arguments: Its command line.
        expected: The items that it decides, in order, without loading.

    Returns:
        Item by name, loading first. What came after the program's end is skipped.
    """
    done = complete([sys.executable, "-m", module, *map(str, arguments)])
    items: dict[str, Item] = {}
    step = LOAD
    for line in done.stdout.splitlines():
        message = _message(line)
        step = message.get("begin", step)
        if "item" in message:
            items[message["item"]] = _item(message)
    if done.returncode:
        ended = Difference("process-ended", step, "the process to live", how_it_ended(done))
        items[step] = Item(step, (*items.get(step, Item(step)).differences, ended))
        reason = f"the process ended before: {step}"
    else:
        reason = "nothing of its signature could be answered"
    if items.get(LOAD, Item(LOAD)).differences:
        reason = "the model could not be loaded"
    for name in expected:
        items.setdefault(name, Item(name, skipped=reason))
    return items


def _message(line: str) -> Mapping[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:  # a library's own words
        return {}
    return message if isinstance(message, dict) else {}


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
