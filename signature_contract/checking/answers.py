"""Putting requests to a running model, wherever it runs, and judging what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from signature_contract.answer_form import answer_differences
from signature_contract.checking import made_up
from signature_contract.checking.outcome import Item
from signature_contract.contract import Contract, Difference
from signature_contract.golden import Array, GoldenCase, Tensors
from signature_contract.value_range import input_range_difference

REFUSAL = "INVALID_ARGUMENT"
"""The code of a refusal that says that the request is wrong, and not the model."""


class RefusedError(Exception):
    """A model answered with an error.

    Attributes:
        code: Name of the gRPC code, for instance ``INVALID_ARGUMENT``.
        words: What it said.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words


class Model(Protocol):
    """A model that runs, in this process or on a server."""

    def run(self, key: str, inputs: Tensors) -> dict[str, Array]:
        """Answer a request to one signature.

        Args:
            key: The signature key.
            inputs: Tensor by input name; text as object arrays of ``bytes``, bfloat16 as float32.

        Returns:
            Tensor by output name, in the same form.

        Raises:
            RefusedError: The answer is an error.
        """


@dataclass(frozen=True)
class Question:
    """A request to be put, and how its answer is judged.

    Attributes:
        item: Name of the item that it decides.
        case: The request, with the golden answer where there is one.
        hostile: What is wrong with the request; empty where nothing is.
    """

    item: str
    case: GoldenCase
    hostile: str = ""


def questions(
    contract: Contract, cases: Sequence[GoldenCase], *, hostile: bool
) -> Iterator[Question]:
    """Yield what a model is asked, good requests first.

    Args:
        contract: What it is held to.
        cases: Golden requests and answers; a signature without any is asked with a made-up one.
        hostile: Whether to send requests that break the signature, too.
    """
    asked = {case.signature for case in cases}
    rest = [case for case in made_up.made_up_cases(contract) if case.signature not in asked]
    for case in cases:
        yield Question(f"golden {case}", case)
    for case in rest:
        yield Question(f"made up {case.signature}", case)
    if hostile:
        firsts: dict[str, GoldenCase] = {}
        for case in (*cases, *rest):
            firsts.setdefault(case.signature, case)
        for key, case in firsts.items():
            for what, inputs in made_up.hostile_requests(contract.resolved(key), case.inputs):
                yield Question(
                    f"hostile {key}: {what}", GoldenCase(key, case.name, inputs, {}), what
                )


def judge(model: Model, question: Question, contract: Contract) -> Item:
    """Put one request and judge the answer.

    Args:
        model: Who is asked.
        question: What is asked.
        contract: What the answer is held to.
    """
    if question.hostile:
        return _judge_hostile(model, question)
    case = question.case
    differences = []
    for name, spec in contract.resolved(case.signature).inputs.items():
        if name in case.inputs:
            here = f'{case} input "{name}"'
            if outside := input_range_difference(here, spec, case.inputs[name]):
                differences.append(outside)
    try:
        answer = model.run(case.signature, case.inputs)
    except RefusedError as err:
        differences.append(Difference("request-refused", str(case), "an answer", str(err)))
        return Item(question.item, tuple(differences))
    comparison = case.compare(answer, contract)
    differences += comparison.differences
    differences += answer_differences(str(case), case.signature, answer, contract)
    return Item(question.item, tuple(dict.fromkeys(differences)), distances=comparison.distances)


def _judge_hostile(model: Model, question: Question) -> Item:
    key, inputs = question.case.signature, question.case.inputs
    try:
        answer = model.run(key, inputs)
    except RefusedError as err:
        if err.code == REFUSAL:
            return Item(question.item)
        found = str(err)
    else:
        if made_up.is_empty(inputs) and all(
            value.ndim and not len(value) for value in answer.values()
        ):
            return Item(question.item)
        found = "an answer"
    expected = f"{REFUSAL} from the graph"
    difference = Difference("hostile-request", f"{key} {question.hostile}", expected, found)
    return Item(question.item, (difference,))
