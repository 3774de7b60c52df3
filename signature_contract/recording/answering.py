"""Has a model answer requests, each twice. A program, as a model may end its process.

Usage: ``python -m signature_contract.recording.answering MODEL --contract F --requests F --out F``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.checking.answers import Model, Question, RefusedError, judge
from signature_contract.checking.outcome import Item
from signature_contract.checking.programs import Report, load_model
from signature_contract.contract import Contract, Difference
from signature_contract.golden import GoldenCase


def answer_twice(
    model: Model, case: GoldenCase, contract: Contract
) -> tuple[Item, GoldenCase | None]:
    """Answer a request, and ask a second time whether that was the answer.

    Args:
        model: Who is asked.
        case: The request, without an answer.
        contract: What the answers are held to, and how far two of them may lie apart.

    Returns:
        What was found, and the request with its answer; None where there is no answer.
    """
    name = f"request {case}"
    try:
        answer = model.run(case.signature, case.inputs)
    except RefusedError as err:
        difference = Difference("request-refused", str(case), "an answer", str(err))
        return Item(name, (difference,)), None
    answered = replace(case, outputs=answer)
    item = judge(model, Question(name, answered), contract)
    differences = tuple(
        replace(
            one,
            rule="not-deterministic",
            expected=one.expected.replace("the golden answer", "the first answer"),
        )
        if one.rule == "golden-answer"
        else one
        for one in item.differences
    )
    return replace(item, differences=differences), answered


def _load(path: Path, contract: Contract) -> Model:
    if path.is_file():
        from signature_contract.checking.lite import LiteModel

        return LiteModel(path)
    from signature_contract.checking.session import SessionModel

    return SessionModel(path, contract.tags)


def main() -> None:
    """Report what is found, see :mod:`signature_contract.checking.programs`; write the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--contract", type=Path, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    arguments = parser.parse_args()
    contract = contracts.load(arguments.contract)
    cases = golden.load(arguments.requests, contract, answered=False)
    report = Report(arguments.report)
    model = load_model(lambda: _load(arguments.path, contract), report)
    if model is None:
        return
    answered = []
    for case in cases:
        report.begin(f"request {case}")
        item, answer = answer_twice(model, case, contract)
        report.item(item)
        if answer:
            answered.append(answer)
    golden.save(arguments.out, answered, contract)


if __name__ == "__main__":
    main()
