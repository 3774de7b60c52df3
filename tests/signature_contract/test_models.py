"""Other people's models through ``vision-contract``: what holds is held, what breaks is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import protos
from signature_contract import contract as contracts
from signature_contract import golden
from tests.signature_contract.fixtures import SOUND, Held, findings, vision_contract
from tests.warm.warmth import PROCESSORS

Hold = Callable[[str], Held]


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_model_keeps_its_own_contract(held: Hold, name: str) -> None:
    mine = held(name)
    ran = vision_contract("check", mine.model, "--contract", mine.contract, "--format", "json")
    assert findings(ran) == []
    assert ran.code == 0
    document = json.loads(ran.out)
    contract = contracts.load(mine.contract)
    assert document["golden_answers"] == 4 * len(contract.signatures)
    # The session loader and, where its command line can carry the request, saved_model_cli.
    assert {item["name"] for item in document["items"]} >= {"load", "saved_model_cli show"}


def test_a_first_contract_says_what_is_declared(held: Hold) -> None:
    contract = contracts.load(held("kinds").contract)
    every, any_rank = contract.signatures["every"], contract.signatures["any_rank"]
    assert {name: spec.dtype for name, spec in every.inputs.items()} == {
        "big": "int64",
        "brain": "bfloat16",
        "flag": "bool",
        "half": "float16",
        "unsigned": "uint32",
        "wave": "complex64",
    }
    assert any_rank.inputs["anything"].shape is None
    assert any_rank.outputs["rank"].shape == ()


def test_default_values_are_written_down(held: Hold) -> None:
    inputs = contracts.load(held("defaults").contract).signature("").inputs
    assert {name: spec.default for name, spec in inputs.items()} == {
        "factor": 2.5,
        "shift": (1, 2),
        "x": None,
    }


def test_sizes_that_tensors_share_have_one_name(held: Hold) -> None:
    contract = contracts.load(held("ranking").contract)
    outputs = contract.signature("").outputs
    assert {name: spec.shape for name, spec in outputs.items()} == {
        "best": (-1, "D3"),
        "index": (-1, "D3"),
    }
    assert contract.bound == {"D3": 3}


def test_golden_answers_are_the_models(held: Hold) -> None:
    mine = held("vocabulary")
    cases = golden.load(mine.golden, contracts.load(mine.contract))
    for case in cases:
        (text,) = case.inputs.values()
        assert case.outputs["upper"].tolist() == [
            re.sub(rb"[a-z]", lambda found: found[0].upper(), item) for item in text
        ]


def test_an_output_with_an_inputs_name_is_kept_apart(held: Hold) -> None:
    mine = held("kinds")
    cases = golden.load(mine.golden, contracts.load(mine.contract))
    every = [case for case in cases if case.signature == "every"]
    for case in every:
        np.testing.assert_array_equal(case.outputs["big"], case.inputs["big"] + 1)


def test_a_model_that_shows_and_cannot_run_is_refused(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "wrapped.json"
    assert vision_contract("init", peoples / "unrunnable", "--out", contract).code == 0
    ran = vision_contract(
        "check", peoples / "unrunnable", "--contract", contract, "--format", "json"
    )
    assert ran.code == 1
    assert findings(ran) == [("request-refused", "serving_default/made_up")]
    assert "FAILED_PRECONDITION" in ran.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing_variables", "is not a valid checkpoint"),
        ("cut_variables", "Read less bytes than requested"),
    ],
)
def test_damaged_variables_are_found(peoples: Path, tmp_path: Path, name: str, words: str) -> None:
    contract = tmp_path / "damaged.json"
    assert vision_contract("init", peoples / name, "--out", contract).code == 0
    ran = vision_contract("check", peoples / name, "--contract", contract, "--format", "json")
    assert (ran.code, findings(ran)) == (1, [("load", "the loader")])
    assert words in ran.out


def test_other_tags_are_named(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "tags.json"
    ran = vision_contract("init", peoples / "other_tags", "--out", contract)
    assert ran.code == 2
    assert "expected a graph with the tags serve, found graphs with serve, gpu" in ran.err
    begun = vision_contract(
        *("init", peoples / "other_tags", "--out", contract, "--tags", "serve", "gpu")
    )
    assert begun.code == 0
    assert contracts.load(contract).tags == ("serve", "gpu")
    ran = vision_contract("check", peoples / "other_tags", "--contract", contract)
    assert ran.code == 0, ran.out


def test_a_model_with_the_wrong_tags_is_broken(peoples: Path, held: Hold) -> None:
    ran = vision_contract(
        "check", peoples / "other_tags", "--contract", held("tensorflow_1").contract, "--static"
    )
    assert ran.code == 1
    assert "found graphs with serve, gpu" in ran.out
    assert "[unreadable]" in ran.out


def test_a_model_without_signatures_has_no_contract(peoples: Path, tmp_path: Path) -> None:
    ran = vision_contract("init", peoples / "no_signatures", "--out", tmp_path / "a.json")
    assert ran.code == 2
    assert "has no signatures, so nobody can call it by name" in ran.err
    assert not (tmp_path / "a.json").exists()


def test_an_answer_that_changes_is_not_recorded(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "dice.json"
    assert vision_contract("init", peoples / "dice", "--out", contract).code == 0
    ran = vision_contract("record", peoples / "dice", "--contract", contract)
    assert ran.code == 1
    assert "expected the first answer" in ran.err
    assert "[not-deterministic]" in ran.err
    assert sorted(tmp_path.iterdir()) == [contract]


def test_a_tolerance_makes_it_recordable(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "dice.json"
    assert vision_contract("init", peoples / "dice", "--out", contract).code == 0
    ran = vision_contract(
        "record", peoples / "dice", "--contract", contract, "--tolerance", "y=1.5,0.25"
    )
    assert ran.code == 0, ran.err
    tolerance = contracts.load(contract).signature("").outputs["y"].tolerance
    assert (tolerance.absolute, tolerance.relative) == (1.5, 0.25)


def test_a_graph_that_ends_its_process_is_a_sentence(held: Hold) -> None:
    mine = held("fragile")
    words = ("check", mine.model, "--contract", mine.contract)
    environment = PROCESSORS["with oneDNN"]
    ran = vision_contract(*words, environment=environment)
    assert ran.code == 0, "a warning where the model is not ours"
    assert re.search(
        r'hostile serving_default: a "image" of shape \[8, 8, 3\]: expected the process to live, '
        r"found ended by SIGABRT \(TensorFlow gave up on it\): Check failed: .* \[process-ended\]",
        ran.out,
    ), ran.out
    assert "0x" not in ran.out
    assert "not checked: the process ended before" in ran.out
    assert vision_contract(*words, "--strict", environment=environment).code == 1


def test_another_answer_breaks_the_contract(held: Hold, tmp_path: Path) -> None:
    mine = held("several")
    with np.load(mine.golden) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["weigh/drawn_1/total"] = arrays["weigh/drawn_1/total"] + np.float32(0.5)
    spoilt = tmp_path / "spoilt.npz"
    np.savez(spoilt, **arrays)
    ran = vision_contract(
        *("check", mine.model, "--contract", mine.contract, "--golden", spoilt),
        *("--format", "json"),
    )
    assert ran.code == 1
    assert findings(ran) == [("golden-answer", 'weigh/drawn_1 output "total" [0]')]


def test_scores_that_tie_may_stand_in_any_order(held: Hold, tmp_path: Path) -> None:
    mine = held("ranking")
    document = json.loads(mine.contract.read_text(encoding="utf-8"))
    document["signatures"]["serving_default"]["ranking"] = {"scores": "best"}
    contract = tmp_path / "ranking.json"
    contract.write_text(json.dumps(document), encoding="utf-8")
    request = tmp_path / "tie.json"
    request.write_text(json.dumps({"inputs": {"scores": [[1, 2, 2, 0, 0, 0]]}}), encoding="utf-8")
    ran = vision_contract("record", mine.model, "--contract", contract, "--requests", request)
    assert ran.code == 0, ran.err
    answers = tmp_path / "ranking.golden.npz"
    with np.load(answers) as stored:
        arrays = {key: stored[key] for key in stored.files}
    assert arrays["serving_default/tie/index"].tolist() == [[1, 2, 0]]
    arrays["serving_default/tie/index"] = np.array([[2, 1, 0]], np.int32)
    np.savez(answers, **arrays)
    assert vision_contract("check", mine.model, "--contract", contract).code == 0
    arrays["serving_default/tie/index"] = np.array([[2, 0, 1]], np.int32)
    np.savez(answers, **arrays)
    assert vision_contract("check", mine.model, "--contract", contract).code == 1


def spoil_rename(signatures: Any) -> None:
    outputs = signatures["weigh"].outputs
    outputs["sum"].CopyFrom(outputs["total"])
    del outputs["total"]


def spoil_dtype(signatures: Any) -> None:
    signatures["add"].inputs["left"].dtype = 3


def spoil_shape(signatures: Any) -> None:
    signatures["weigh"].inputs["scale"].tensor_shape.dim.add(size=1)


def spoil_default(signatures: Any) -> None:
    signatures["weigh"].defaults["scale"].CopyFrom(protos.TensorProto(dtype=1, float_val=[2.0]))


def spoil_key(signatures: Any) -> None:
    signatures["other"].CopyFrom(signatures["add"])


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            spoil_rename,
            [("output-missing", 'weigh output "total"'), ("output-unknown", 'weigh output "sum"')],
        ),
        (spoil_dtype, [("input-dtype", 'add input "left"')]),
        (spoil_shape, [("input-shape", 'weigh input "scale"')]),
        (spoil_default, [("input-default", 'weigh input "scale"')]),
        (spoil_key, [("signature-unknown", 'signature "other"')]),
    ],
)
def test_a_changed_declaration_is_named_by_its_rule(
    held: Hold, tmp_path: Path, spoil: Callable[[Any], None], expected: list[tuple[str, str]]
) -> None:
    mine = held("several")
    copy = Path(shutil.copytree(mine.model, tmp_path / "copy"))
    file = copy / "saved_model.pb"
    file.chmod(0o644)
    document = protos.SavedModel.FromString(file.read_bytes())
    spoil(document.meta_graphs[0].signature_def)
    file.write_bytes(document.SerializeToString())
    ran = vision_contract("check", copy, "--contract", mine.contract, "--format", "json")
    assert (ran.code, findings(ran)) == (1, expected)


def change(model: Path, spoil: Callable[[Any], None]) -> None:
    """Change the signatures of a copy of a model."""
    file = model / "saved_model.pb"
    file.chmod(0o644)
    document = protos.SavedModel.FromString(file.read_bytes())
    spoil(document.meta_graphs[0].signature_def)
    file.write_bytes(document.SerializeToString())


def test_what_a_model_prints_is_no_verdict(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "printing.json"
    model = peoples / "printing"
    assert vision_contract("init", model, "--out", contract).code == 0
    recorded = vision_contract("record", model, "--contract", contract)
    assert recorded.code == 0, recorded.err
    assert vision_contract("check", model, "--contract", contract).code == 0
    golden_file = tmp_path / "printing.golden.npz"
    with np.load(golden_file) as stored:
        arrays = {key: stored[key] for key in stored.files}
    for key in arrays:
        if key.endswith("/y"):
            arrays[key] = arrays[key] + np.float32(1)
    np.savez(golden_file, **arrays)
    ran = vision_contract("check", model, "--contract", contract, "--format", "json")
    assert ran.code == 1
    assert {rule for rule, _ in findings(ran)} == {"golden-answer"}
    failed = [i["name"] for i in json.loads(ran.out)["items"] if i["state"] == "failed"]
    assert [name for name in failed if name.startswith("golden ")] == [
        f"golden serving_default/drawn_{number}" for number in range(4)
    ]


def test_zeros_at_the_end_of_bytes_count(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "zeros.json"
    assert vision_contract("init", peoples / "zeros", "--out", contract).code == 0
    assert vision_contract("record", peoples / "zeros", "--contract", contract).code == 0
    (case, *_) = golden.load(tmp_path / "zeros.golden.npz", contracts.load(contract))
    cut = {"bytes": np.array([item.rstrip(b"\0") for item in case.outputs["bytes"]], object)}
    assert case.compare(case.outputs, contracts.load(contract)).ok
    assert not case.compare(cut, contracts.load(contract)).ok


def test_what_fills_a_list_up_is_that_of_the_golden_one(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "padded.json"
    assert vision_contract("init", peoples / "padded", "--out", contract).code == 0
    document = json.loads(contract.read_text(encoding="utf-8"))
    signature = document["signatures"]["serving_default"]
    signature["ranking"] = {"scores": "score", "count": "count"}
    contract.write_text(json.dumps(document), encoding="utf-8")
    recorded = vision_contract("record", peoples / "padded", "--contract", contract)
    assert recorded.code == 0, recorded.err
    assert vision_contract("check", peoples / "padded", "--contract", contract).code == 0


def test_answers_that_cannot_be_kept_are_not_called_recorded(peoples: Path, tmp_path: Path) -> None:
    contract = tmp_path / "small.json"
    assert vision_contract("init", peoples / "small", "--out", contract).code == 0
    ran = vision_contract("record", peoples / "small", "--contract", contract)
    assert ran.code != 0
    assert "wrote" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["small.json"]


def test_leaving_out_a_rule_does_not_leave_out_the_answers(held: Hold, tmp_path: Path) -> None:
    mine = held("several")
    copy = Path(shutil.copytree(mine.model, tmp_path / "copy"))
    change(copy, lambda signatures: signatures["other"].CopyFrom(signatures["add"]))
    with np.load(mine.golden) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["add/drawn_0/sum"] = arrays["add/drawn_0/sum"] + 1
    spoilt = tmp_path / "spoilt.npz"
    np.savez(spoilt, **arrays)
    words = ("check", copy, "--contract", mine.contract, "--ignore", "signature-unknown")
    assert vision_contract(*words, "--golden", mine.golden).code == 0
    ran = vision_contract(*words, "--golden", spoilt, "--format", "json")
    assert ran.code == 1
    assert ("golden-answer", 'add/drawn_0 output "sum" [0]') in findings(ran)


@pytest.mark.parametrize("rule", ["unreadable", "load", "process-ended"])
def test_what_says_that_nothing_is_known_cannot_be_left_out(held: Hold, rule: str) -> None:
    mine = held("several")
    ran = vision_contract("check", mine.model, "--contract", mine.contract, "--ignore", rule)
    assert ran.code == 2


def test_a_signature_that_no_contract_can_state_is_nobody_s_promise(
    held: Hold, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(held("several").model, tmp_path / "copy"))

    def add(signatures: Any) -> None:
        signatures["silent"].inputs["x"].CopyFrom(signatures["weigh"].inputs["x"])

    change(copy, add)
    contract = tmp_path / "several.json"
    begun = vision_contract("init", copy, "--out", contract)
    assert begun.code == 0
    assert 'left out signature "silent"' in begun.err
    assert vision_contract("check", copy, "--contract", contract, "--static").code == 0


def test_class_names_say_how_many_columns_there_are(held: Hold, tmp_path: Path) -> None:
    document = json.loads(held("keras_export").contract.read_text(encoding="utf-8"))
    document["dimensions"] = {"C": "species"}
    document["bound"] = {}
    for signature in document["signatures"].values():
        signature["outputs"]["output_0"]["shape"] = [-1, "C"]
    contract = tmp_path / "species.json"
    for names, code in ((["a", "b", "c"], 0), (["a", "b"], 1)):
        document["class_names"] = names
        contract.write_text(json.dumps(document), encoding="utf-8")
        ran = vision_contract(
            "check", held("keras_export").model, "--contract", contract, "--static"
        )
        assert ran.code == code, ran.out


def test_a_model_does_not_differ_from_its_own_contract(held: Hold, tmp_path: Path) -> None:
    mine = held("several")
    document = json.loads(mine.contract.read_text(encoding="utf-8"))
    document["model"], document["summary"] = "another", "Filled in."
    document["signatures"]["weigh"]["outputs"]["total"]["range"] = [-100, 100]
    contract = tmp_path / "filled.json"
    contract.write_text(json.dumps(document), encoding="utf-8")
    ran = vision_contract("diff", contract, mine.model)
    assert (ran.code, ran.out) == (0, "nothing changed\n")
