"""``python -m export verify`` accepts what keeps its contract and names what does not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract.checking.saved_model_cli import parse_show
from signature_contract.contract import TensorSpec

SIDE = Path(__file__).with_name("tensorflow_side.py")


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    """A copy of the published version to spoil."""
    return Path(shutil.copytree(published, tmp_path / "classifier" / "1"))


def test_a_published_version_passes_every_check(
    export: Callable[..., Any], published: Path
) -> None:
    ran = export("verify", published)
    assert ran.code == 0, ran.err
    result = ran.result
    assert result["ok"] is True
    assert result["differences"] == []
    assert result["requests"] == 10  # eight through the session, one a signature through the tool
    assert result["max_distance"].keys() == {"probabilities", "logits", "classes"}
    assert max(result["max_distance"].values()) <= 1e-5


@pytest.mark.long
def test_a_model_that_shows_well_and_cannot_run_is_refused(
    export: Callable[..., Any], run_python: Callable[..., Any], tmp_path: Path
) -> None:
    made = run_python(SIDE, "unrunnable", tmp_path / "1")
    assert made.code == 0, made.err
    assert made.result["python_runs_it"] == ["classes", "logits", "probabilities"]
    ran = export("verify", tmp_path / "1", "--contract", "classifier")
    assert ran.code == 1
    (default, encoded) = ran.result["differences"]
    assert default.startswith(
        "serving_default/made_up: expected an answer, found FAILED_PRECONDITION"
    )
    assert encoded.startswith(
        "serving_bytes/made_up: expected an answer, found FAILED_PRECONDITION"
    )


def test_another_answer_is_refused(export: Callable[..., Any], copy: Path) -> None:
    golden_file = copy / "assets.extra" / "golden.npz"
    with np.load(golden_file) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["serving_default/one/logits"][0, 0] += 1e-3
    np.savez(golden_file, **arrays)
    ran = export("verify", copy)
    assert ran.code == 1
    found = "\n".join(ran.result["differences"])
    # Both runtimes see it: the session, and saved_model_cli run.
    assert re.search(
        r'serving_default/one output "logits" \[0, 0\]: expected the golden answer \S+ within '
        r"0\.0002 \+ 2e-05 of the value, found \S+, a difference of 0\.0009",
        found,
    ), found
    assert 'saved_model_cli run serving_default/one output "logits"' in found
    assert ran.result["max_distance"]["logits"] == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["brick",', '["gravel",', "class order: expected"),
        ('"uint8"', '"float32"', "the contract copy"),
    ],
    ids=["class order", "dtype"],
)
def test_a_changed_contract_copy_is_refused(
    export: Callable[..., Any], copy: Path, old: str, new: str, expected: str
) -> None:
    contract_file = copy / "assets.extra" / "contract.json"
    text = contract_file.read_text(encoding="utf-8")
    if "brick" in old:
        text = (
            text.replace('"brick"', '"?"').replace('"gravel"', '"brick"').replace('"?"', '"gravel"')
        )
    else:
        text = text.replace(old, new)
    contract_file.write_text(text, encoding="utf-8")
    ran = export("verify", copy)
    assert ran.code == 1
    assert any(expected in difference for difference in ran.result["differences"])


def test_an_answer_outside_the_range_is_refused(export: Callable[..., Any], copy: Path) -> None:
    file = copy / "assets.extra" / "contract.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    for signature in document["signatures"].values():
        signature["outputs"]["probabilities"]["range"] = [0.25, 0.3]
    file.write_text(json.dumps(document), encoding="utf-8")
    ran = export("verify", copy)
    assert ran.code == 1
    found = "\n".join(ran.result["differences"])
    for check in ("", "saved_model_cli run "):
        assert re.search(
            rf'^{check}serving_default/one output "probabilities": expected values from 0.25 to '
            r"0.3, found \S+ at \[0, \d\] \(what exists: 3 values, \S+ to \S+\) \[output-range\]$",
            found,
            re.MULTILINE,
        ), found


def test_a_folder_without_a_saved_model_is_said(export: Callable[..., Any], tmp_path: Path) -> None:
    ran = export("verify", tmp_path)
    assert ran.code == 1
    assert "has no saved_model.pb" in ran.err


def test_without_a_contract_of_its_own_one_must_be_named(
    export: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    ran = export("verify", tmp_path)
    assert ran.code == 1
    assert "say which contract it should keep with --contract" in ran.err


def test_what_is_no_saved_model_is_said(export: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    ran = export("verify", tmp_path, "--contract", "classifier")
    assert ran.code == 1
    (difference,) = ran.result["differences"]
    assert "saved_model.pb is damaged, or no SavedModel" in difference
    assert difference.endswith("[unreadable]")


def test_what_saved_model_cli_shows_is_read() -> None:
    signatures = parse_show(
        """
signature_def['__saved_model_init_op']:
  The given SavedModel SignatureDef contains the following output(s):
    outputs['__saved_model_init_op'] tensor_info:
        dtype: DT_INVALID
        shape: unknown_rank
        name: NoOp
  Method name is:

signature_def['serving_default']:
  The given SavedModel SignatureDef contains the following input(s):
    inputs['x'] tensor_info:
        dtype: DT_FLOAT
        shape: (-1, 3)
        name: serving_default_x:0
    inputs['y'] tensor_info:
        dtype: DT_STRING
        shape: unknown_rank
        name: serving_default_y:0
  The given SavedModel SignatureDef contains the following output(s):
    outputs['z'] tensor_info:
        dtype: DT_INT64
        shape: ()
        name: PartitionedCall:0
  Method name is: tensorflow/serving/predict
"""
    )
    assert signatures.keys() == {"serving_default"}
    assert signatures["serving_default"].inputs == {
        "x": TensorSpec("float32", (-1, 3)),
        "y": TensorSpec("string", None),
    }
    assert signatures["serving_default"].outputs == {"z": TensorSpec("int64", ())}


def test_it_takes_the_options_of_the_contract_s_own_check(
    export: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    ran = export("verify", published, "--static", "--junit", report)
    assert ran.code == 0, ran.err
    assert [one for one in ran.result["warnings"] if "no-golden-answers" in one]
    assert 'name="rule input-dtype"' in report.read_text(encoding="utf-8")
    refused = export("verify", published, "--golden", tmp_path / "nothing.npz")
    assert refused.code == 1
    assert "no golden answers at" in refused.err
