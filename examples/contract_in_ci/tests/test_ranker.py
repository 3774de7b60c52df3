"""The ranker is the one that this service was written for."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_the_model_declares_what_the_contract_says(contract_check):
    contract_check(PROJECT / "model", PROJECT / "ranker.contract.json", static=True)


def test_its_answers_are_near_the_golden_ones(contract_outcome):
    assert contract_outcome.golden == 2
    assert contract_outcome.distances["probabilities"] <= 1e-5
