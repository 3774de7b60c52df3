"""Answers held to golden ones."""

from __future__ import annotations

from serving_config.layout import Tensors
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase


def assert_golden(case: GoldenCase, answer: Tensors, contract: Contract) -> None:
    """Fail unless an answer is the golden one by the rule that every side is held to."""
    comparison = case.compare(answer, contract)
    assert set(comparison.distances) == set(contract.signature(case.signature).outputs)
    assert comparison.ok, "\n".join(map(str, comparison.differences))
