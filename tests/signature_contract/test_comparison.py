"""When an answer counts as the golden one: numbers, texts, and lists that are compared as sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract.comparison import Comparison, compare
from signature_contract.signature import Ranking, Signature, TensorSpec, Tolerance

Entry = tuple[float, int, float]  # score, class, left edge of its box

LIMIT, THRESHOLD = 4, 0.1
SCORE = 1e-3  # tolerance of scores, as of boxes
DETECTIONS = Signature(
    {},
    {
        "boxes": TensorSpec("float32", (-1, "N", 4), stated_tolerance=Tolerance(1e-3)),
        "scores": TensorSpec("float32", (-1, "N"), stated_tolerance=Tolerance(SCORE)),
        "classes": TensorSpec("float32", (-1, "N"), stated_tolerance=Tolerance(0.0)),
        "count": TensorSpec("float32", (-1,), stated_tolerance=Tolerance(0.0)),
    },
    ranking=Ranking("scores", "count", "threshold"),
)


def listed(*images: list[Entry]) -> dict[str, np.ndarray[Any, Any]]:
    """Lay lists of entries out as a detector answers them."""
    shape = (len(images), LIMIT)
    boxes, scores, classes = np.zeros((*shape, 4)), np.zeros(shape), np.zeros(shape)
    for row, entries in enumerate(images):
        for column, (score, number, left) in enumerate(entries):
            boxes[row, column] = [left, 0.5, left + 0.2, 0.7]
            scores[row, column], classes[row, column] = score, number
    return {
        "boxes": boxes.astype(np.float32),
        "scores": scores.astype(np.float32),
        "classes": classes.astype(np.float32),
        "count": np.array([len(entries) for entries in images], np.float32),
    }


def compared(golden: list[Entry], answer: list[Entry]) -> Comparison:
    return compare(
        listed(golden), listed(answer), DETECTIONS, {"threshold": THRESHOLD}, "serving_default/one"
    )


CUP, CAT, DOG = (0.9, 1, 0.1), (0.8, 2, 0.3), (0.7, 2, 0.5)


def test_the_same_list_is_the_golden_one() -> None:
    found = compared([CUP, CAT, DOG], [CUP, CAT, DOG])
    assert found.ok
    assert set(found.distances.values()) == {0.0}


def test_distances_are_between_partners() -> None:
    found = compared([CUP, CAT], [(0.9004, 1, 0.1), (0.8, 2, 0.3002)])
    assert found.ok
    assert found.distances["scores"] == pytest.approx(4e-4, rel=1e-3)
    assert found.distances["boxes"] == pytest.approx(2e-4, rel=1e-3)


def test_order_does_not_bind_where_scores_tie() -> None:
    tie = [(0.8, 2, 0.3), (0.7995, 1, 0.1)]
    assert compared(tie, tie[::-1]).ok


def test_order_binds_where_scores_differ() -> None:
    found = compared([CUP, CAT], [CAT, CUP])
    assert not found.ok
    assert "expected descending scores" in str(found.differences[0])
    assert "found 0.9 behind 0.8" in str(found.differences[0])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param([CUP], "expected the golden scores 0.8, classes 2", id="one is missing"),
        pytest.param([CUP, CAT, DOG], "found also boxes [0.5, 0.5, 0.7, 0.7]", id="one too many"),
        pytest.param([CUP, (0.8, 1, 0.3)], "scores 0.8, classes 1", id="another class"),
        pytest.param([CUP, (0.802, 2, 0.3)], "scores 0.802", id="another score"),
        pytest.param([CUP, (0.8, 2, 0.302)], "boxes [0.302, ", id="another box"),
        pytest.param([CUP, CUP], "classes 1", id="one twice"),
        pytest.param([], "found an empty list", id="nothing"),
    ],
)
def test_what_has_no_partner_is_named(answer: list[Entry], words: str) -> None:
    found = compared([CUP, CAT], answer)
    assert not found.ok
    text = "\n".join(map(str, found.differences))
    assert words in text.replace("boxes [0.3, 0.5, 0.5, 0.7], ", "")
    assert text.startswith("serving_default/one: ")


def test_each_has_a_partner_of_its_own() -> None:
    """Two near ones are not both held against the same one."""
    near = [(0.8, 1, 0.3), (0.7998, 1, 0.3002)]
    assert compared(near, near[::-1]).ok
    assert not compared(near, [near[0], (0.5, 1, 0.3)]).ok


def test_a_chain_of_near_ones_is_paired_as_a_whole() -> None:
    """The first takes the only partner of the second, unless it is asked to move on."""
    golden = [(0.8, 1, 0.3), (0.8, 1, 0.3009)]
    answer = [(0.8, 1, 0.3004), (0.8, 1, 0.2995)]
    assert compared(golden, answer).ok


def test_what_reaches_the_threshold_by_rounding_alone_may_be_absent() -> None:
    edge = (THRESHOLD + SCORE / 2, 1, 0.7)
    assert compared([CUP, edge], [CUP]).ok
    assert compared([CUP], [CUP, edge]).ok
    above = (THRESHOLD + 3 * SCORE, 1, 0.7)
    assert not compared([CUP, above], [CUP]).ok
    assert not compared([CUP], [CUP, above]).ok


def test_the_last_place_of_a_full_list_is_a_cut() -> None:
    full = [CUP, CAT, DOG, (0.5, 1, 0.7)]
    other = [CUP, CAT, DOG, (0.4996, 2, 0.8)]
    assert compared(full, other).ok, "both tie for the last place"
    assert not compared(full, [CUP, CAT, DOG, (0.49, 2, 0.8)]).ok
    assert not compared(full, [CUP, CAT, DOG]).ok, "there was room for it"
    assert not compared([CUP, CAT, DOG], full).ok


def test_a_list_that_is_not_full_has_no_last_place() -> None:
    assert not compared([CUP, CAT], [CUP, (0.8, 1, 0.9)]).ok


@pytest.mark.parametrize("count", [1.5, -1.0, LIMIT + 1.0, np.nan])
def test_a_count_that_is_none_is_refused(count: float) -> None:
    answer = listed([CUP, CAT])
    answer["count"] = np.array([count], np.float32)
    found = compare(listed([CUP, CAT]), answer, DETECTIONS, {}, "case")
    assert not found.ok
    assert found.distances["count"] == float("inf")


def test_what_lies_beyond_the_count_must_be_zero() -> None:
    answer = listed([CUP, CAT])
    answer["scores"][0, 3] = 0.05
    found = compare(listed([CUP, CAT]), answer, DETECTIONS, {}, "case")
    assert [str(d) for d in found.differences] == [
        'case output "scores": expected zeros beyond count (2), found other values [golden-answer]'
    ]


def test_images_are_compared_each_by_itself() -> None:
    golden, answer = listed([CUP], [CAT, DOG]), listed([CUP], [CAT])
    found = compare(golden, answer, DETECTIONS, {}, "case")
    (difference,) = found.differences
    assert str(difference).startswith("case, image 1: expected the golden boxes [0.5, ")
    assert compare(golden, listed([CUP], [DOG, CAT][::-1]), DETECTIONS, {}, "case").ok


NUMBERS = Signature(
    {}, {"y": TensorSpec("float32", (-1,), stated_tolerance=Tolerance(0.01, 0.001))}
)


@pytest.mark.parametrize(
    ("golden", "answer", "ok"),
    [(0.0, 0.009, True), (0.0, 0.011, False), (100.0, 100.1, True), (100.0, 100.2, False)],
)
def test_a_tolerance_is_absolute_and_relative(golden: float, answer: float, ok: bool) -> None:
    found = compare({"y": np.array([golden])}, {"y": np.array([answer])}, NUMBERS, {}, "case")
    assert found.ok is ok
    if not ok:
        (difference,) = found.differences
        assert str(difference).startswith(
            f'case output "y" [0]: expected the golden answer {golden:g} within 0.01 + 0.001 of '
            f"the value, found {answer:g}, a difference of "
        )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, 'case output "y": expected the golden answer, found no such output'),
        ({"y": np.zeros((1, 1))}, 'case output "y": expected shape [1], found shape [1, 1]'),
        ({"y": np.array([np.nan])}, 'case output "y": expected finite numbers, found others'),
        ({"y": np.array([np.inf])}, 'case output "y": expected finite numbers, found others'),
        ({"y": np.array(["1.0"])}, 'case output "y": expected numbers, found text'),
    ],
)
def test_what_cannot_be_compared_is_said(answer: dict[str, Any], words: str) -> None:
    found = compare({"y": np.array([1.0])}, answer, NUMBERS, {}, "case")
    assert [str(difference) for difference in found.differences] == [f"{words} [golden-answer]"]
    assert found.distances == {"y": float("inf")}


@pytest.mark.parametrize("golden", [np.nan, np.inf])
def test_a_golden_answer_that_is_no_number_is_nobodys(golden: float) -> None:
    found = compare({"y": np.array([golden])}, {"y": np.array([5.0])}, NUMBERS, {}, "case")
    assert not found.ok


def test_large_whole_numbers_are_told_apart() -> None:
    whole = Signature({}, {"id": TensorSpec("int64", (-1,))})
    golden, other = np.array([2**60]), np.array([2**60 + 1])
    assert compare({"id": golden}, {"id": golden}, whole, {}, "case").ok
    assert not compare({"id": golden}, {"id": other}, whole, {}, "case").ok


def test_entries_may_have_names() -> None:
    named = replace(
        DETECTIONS, outputs={**DETECTIONS.outputs, "names": TensorSpec("string", (-1, "N"))}
    )

    def with_names(*names: bytes) -> dict[str, np.ndarray[Any, Any]]:
        padded = [*names, *[b""] * (LIMIT - len(names))]
        return {**listed([CUP, CAT]), "names": np.array([padded], dtype=object)}

    golden = with_names(b"cup", b"cat")
    assert compare(golden, with_names(b"cup", b"cat"), named, {}, "case").ok
    found = compare(golden, with_names(b"cup", b"dog"), named, {}, "case")
    assert "names cat" in str(found.differences[0])


def test_texts_are_equal_or_not() -> None:
    text = Signature({}, {"label": TensorSpec("string", (-1,))})
    golden = {"label": np.array([b"cat", "Hündin".encode()], dtype=object)}
    assert compare(golden, {"label": np.array(["cat", "Hündin"])}, text, {}, "case").ok
    found = compare(golden, {"label": np.array(["cat", "dog"])}, text, {}, "case")
    assert "expected ['cat', 'Hündin'], found ['cat', 'dog']" in str(found.differences[0])


@pytest.mark.parametrize(
    ("dtype", "off", "ok"),
    [
        ("float32", 1e-4, True),
        ("float32", 1e-3, False),
        ("float64", 1e-8, False),
        ("float16", 1e-2, True),
        ("int32", 1, False),
    ],
)
def test_without_a_statement_the_dtype_decides(dtype: str, off: float, ok: bool) -> None:
    unstated = Signature({}, {"y": TensorSpec(dtype, (-1,))})
    golden, answer = {"y": np.array([1.0])}, {"y": np.array([1.0 + off])}
    assert compare(golden, answer, unstated, {}, "case").ok is ok


def test_our_contracts_state_a_tolerance_for_every_number() -> None:
    for model in ("classifier", "detector"):
        for signature in toolkit_contract(model).signatures.values():
            for name, spec in signature.outputs.items():
                assert (spec.stated_tolerance is not None) is (spec.dtype != "string"), name


def test_probabilities_are_held_closer_than_logits() -> None:
    outputs = toolkit_contract("classifier").signature("serving_default").outputs
    # The sigmoid passes on a quarter of what moves a logit, at most.
    assert outputs["probabilities"].tolerance.absolute <= outputs["logits"].tolerance.absolute / 4


def test_tolerances_and_rankings_survive_the_file() -> None:
    contract = toolkit_contract("detector").bind(["cup"], N=LIMIT)
    again = contracts.loads(contract.to_json())
    assert again == contract
    signature = again.signature("serving_bytes")
    assert signature.ranking == Ranking("detection_scores", "num_detections", "score_threshold")
    assert replace(signature, ranking=None) != signature


def _cases() -> list[Any]:
    groups = json.loads(Path(__file__).with_name("comparisons.json").read_text(encoding="utf-8"))
    return [
        pytest.param(
            contracts.loads(json.dumps(group["contract"])),
            {"threshold": group["threshold"]} if "threshold" in group else {},
            case,
            id=case["name"],
        )
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("contract", "parameters", "case"), _cases())
def test_cases_that_java_is_held_to_as_well(
    contract: contracts.Contract, parameters: dict[str, float], case: dict[str, Any]
) -> None:
    golden, answer = (
        {name: _tensor(value) for name, value in case[role].items()}
        for role in ("golden", "answer")
    )
    signature = contract.signature("serving_default")
    found = compare(golden, answer, signature, parameters, "case")
    assert [str(difference) for difference in found.differences] == case["differences"]
    assert found.ok is (not case["differences"])


def _tensor(value: Any) -> np.ndarray[Any, Any]:
    """Read ``{"dtype": …, "values": …}``, or its values alone: text, or float64."""
    if isinstance(value, dict):
        return np.array(_numbers(value["values"]), dtype=value["dtype"])
    first = value
    while isinstance(first, list):
        first = first[0]
    return np.array(value, dtype=object if isinstance(first, str) else np.float64)


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return complex(float(value["re"]), float(value["im"])) if isinstance(value, dict) else value
