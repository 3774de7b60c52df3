"""``python -m export evaluate classifier`` on a trained, published version, and on its server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

Evaluate = Callable[..., Any]


@pytest.fixture(scope="module")
def validated(
    evaluate: Evaluate, published: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    """The validation split in process, and the folder with what was written."""
    home = tmp_path_factory.mktemp("validated")
    ran = evaluate(
        f"--model={published}", f"--json={home / 'all.json'}", f"--answers={home / 'each.jsonl'}"
    )
    assert ran.code == 0, ran.err
    return ran, home


def changed(source: Path, target: Path, change: Callable[[Image.Image], Image.Image]) -> Path:
    for path in sorted(source.glob("*/*.jpg")):
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            change(image).save(target / path.parent.name / path.name, quality=92)
    return target


def test_the_exported_graph_is_as_good_as_training_recorded(
    validated: tuple[Any, Path], published: Path
) -> None:
    ran, home = validated
    result = ran.result
    run = json.loads((published / "assets.extra" / "run.json").read_text(encoding="utf-8"))
    kept = next(p for p in run["phases"] if p["number"] == run["kept_phase"])
    assert result["accuracy"]["value"] == pytest.approx(kept["accuracy"], abs=1e-3)
    assert result["photographs"] == len(run["data"]["validation"])
    assert result["data"]["fingerprint"] == run["data"]["fingerprint"]
    assert result["threshold"]["chosen_on"]["part"] == "validation"
    assert result["threshold"]["rule"] == "chow"
    assert result["withholding"]["coverage"]["value"] > 0.5
    assert all("withheld" in c["f1"] for c in result["classes"].values())  # 13 photographs each
    assert json.loads((home / "all.json").read_text(encoding="utf-8")) == result
    lines = [json.loads(line) for line in (home / "each.jsonl").read_text().splitlines()]
    right = sum(line["class"] == line["answered"] for line in lines)
    assert right / len(lines) == pytest.approx(result["accuracy"]["value"], abs=1e-4)


def test_a_server_gives_the_same_numbers(
    evaluate: Evaluate,
    validated: tuple[Any, Path],
    published: Path,
    classifier_server: str,
    tmp_path: Path,
) -> None:
    each = tmp_path / "each.jsonl"
    ran = evaluate(f"--model={published}", f"--server={classifier_server}", f"--answers={each}")
    assert ran.code == 0, ran.err
    here, there = dict(validated[0].result), dict(ran.result)
    for document in (here, there):
        for varying in ("answered_by", "seconds"):
            del document[varying]
    assert there == here
    one, other = (
        np.array([list(json.loads(line)["probabilities"].values()) for line in text.splitlines()])
        for text in ((validated[1] / "each.jsonl").read_text(), each.read_text())
    )
    assert np.abs(one - other).max() <= 1e-6


def test_a_holdout_of_the_same_kind_raises_no_alarm(
    evaluate: Evaluate, published: Path, unseen: Path
) -> None:
    ran = evaluate(f"--model={published}", "--mode=holdout", f"--data={unseen}", "--fail-on=drift")
    assert ran.code == 0, ran.err
    result = ran.result
    assert result["photographs"] == 84
    assert result["leaks"]["exact"] == 0
    # One course of bricks looks like another; no grass looks like other grass.
    assert {Path(pair["holdout"]).parent.name for pair in result["leaks"]["pairs"]} <= {"brick"}
    assert result["leaks"]["near"] <= 4
    assert result["drift"]["measured"]
    assert not result["drift"]["found"]
    assert result["threshold"]["chosen_on"]["part"] == "validation"
    assert result["suspect"]["found"] == (result["accuracy"]["value"] > 0.95)


def test_photographs_from_training_are_named_and_make_the_accuracy_suspect(
    evaluate: Evaluate, published: Path, photographs: Path, tmp_path: Path
) -> None:
    for name in ("brick", "grass", "gravel"):
        (tmp_path / name).mkdir()
        files = sorted((photographs / name).iterdir())[:4]
        shutil.copy(files[0], tmp_path / name / "copied.jpg")
        for path in files[1:]:
            with Image.open(path) as image:
                ImageOps.mirror(image).save(tmp_path / name / path.name, quality=60)
    ran = evaluate(
        f"--model={published}",
        "--mode=holdout",
        f"--data={tmp_path}",
        "--fail-on=leak",
        "--fail-on=suspect",
    )
    assert ran.code == 1, ran.err
    found = ran.result["leaks"]
    assert (found["exact"], found["near"], found["photographs"]) == (3, 9, 12)
    first = found["pairs"][0]
    assert first["kind"] == "exact"
    assert first["holdout"] == str(tmp_path / "brick" / "copied.jpg")
    assert Path(first["training"]).read_bytes() == Path(first["holdout"]).read_bytes()
    assert all(pair["mirrored"] for pair in found["pairs"][3:])
    assert "it has seen 12 of them, or nearly" in ran.result["suspect"]["message"]
    assert len(ran.result["failed"]) == 2
    assert "leak: 12 photographs are in the training data too" in ran.err


def test_photographs_that_became_worse_are_drift_and_a_drop_beyond_chance(
    evaluate: Evaluate, published: Path, unseen: Path, tmp_path: Path
) -> None:
    shutil.copytree(unseen, tmp_path / "2023-05")
    changed(unseen, tmp_path / "2024-05", lambda i: i.filter(ImageFilter.GaussianBlur(6)))
    ran = evaluate(
        f"--model={published}",
        "--mode=temporal",
        f"--data={tmp_path}",
        "--fail-on=drop",
        "--fail-on=drift",
    )
    assert ran.code == 1, ran.err
    shift = ran.result["temporal"]
    assert list(shift["periods"]) == ["2023-05", "2024-05"]
    assert shift["beyond_chance"]
    assert shift["drop"]["interval"][0] > 0
    assert "sharpness" in ran.result["drift"]["changed"]
    assert len(ran.result["failed"]) == 2


def test_a_minimum_that_is_missed_ends_with_exit_1_and_the_figures(
    evaluate: Evaluate, published: Path
) -> None:
    ran = evaluate(f"--model={published}", "--min-accuracy=0.999", "--min-f1=gravel=0.1")
    assert ran.code == 1
    assert not ran.result["ok"]
    accuracy, gravel = ran.result["minimums"]
    assert not accuracy["met"]  # 39 photographs cannot show it, however good they are
    assert gravel["met"]
    assert "accuracy must reach 0.999" in ran.err


def test_without_a_version_a_server_is_measured_without_what_only_the_version_knows(
    evaluate: Evaluate, classifier_server: str, unseen: Path, tmp_path: Path
) -> None:
    for name in ("brick", "grass", "gravel"):
        (tmp_path / name).mkdir()
        for path in sorted((unseen / name).iterdir())[:3]:
            shutil.copy(path, tmp_path / name)
    (tmp_path / "grass" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "grass" / "empty.jpg").touch()
    ran = evaluate(f"--server={classifier_server}", "--mode=holdout", f"--data={tmp_path}")
    assert ran.code == 0, ran.err
    result = ran.result
    assert result["photographs"] == 9
    assert set(result["classes"]) == {"brick", "grass", "gravel"}
    assert {Path(path).name for path in result["data"]["refused"]} == {"broken.jpg", "empty.jpg"}
    assert result["threshold"] is None
    assert result["leaks"]["found"] is None
    assert "without --model PATH" in result["leaks"]["reason"]
    failing = evaluate(
        f"--server={classifier_server}", "--mode=holdout", f"--data={tmp_path}", "--fail-on=leak"
    )
    assert failing.code == 1
    assert "--fail-on leak: not measured" in failing.err


def test_a_data_set_that_is_no_longer_the_same_is_refused_by_name(
    evaluate: Evaluate, published: Path, photographs: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(photographs, moved)
    one = sorted((moved / "grass").iterdir())[0]
    content = one.read_bytes()
    one.write_bytes(content + b"\0")
    ran = evaluate(f"--model={published}", f"--data={moved}")
    assert ran.code == 1
    assert "have the names but not the content" in ran.err
    one.unlink()
    ran = evaluate(f"--model={published}", f"--data={moved}")
    assert ran.code == 1
    assert f"lacks 1 of the 192 photographs that {published} was made from: grass/{one.name}" in (
        ran.err
    )


def test_a_server_that_holds_another_model_is_refused(
    evaluate: Evaluate, published: Path, classifier_server: str, tmp_path: Path
) -> None:
    other = tmp_path / "classifier" / "1"
    shutil.copytree(published, other)
    golden = other / "assets.extra" / "golden.npz"
    with np.load(golden) as stored:
        arrays = {key: stored[key] for key in stored.files}
    key = next(k for k in arrays if k.startswith("serving_bytes/") and k.endswith("/logits"))
    np.savez_compressed(golden, **{**arrays, key: arrays[key] + 0.1})
    ran = evaluate(f"--model={other}", f"--server={classifier_server}")
    assert ran.code == 1
    assert f"is not {other}" in ran.err
    assert 'output "logits" ' in ran.err
    said = re.search(r"a difference of ([\d.]+)\. Name the version", ran.err)
    assert said and float(said[1]) == pytest.approx(0.1, abs=1e-5)  # float32 rounds it


def test_help_is_quick_and_a_missing_extra_is_named() -> None:
    """Neither loads TensorFlow; both are processes of their own."""
    hidden = "import sys; sys.modules.update(tensorflow=None, sklearn=None)\n"
    run = "from export.__main__ import main; sys.exit(main(sys.argv[1:]))"

    def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", hidden + run, "evaluate", "classifier", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "--mode {validation,holdout,temporal}" in ended("--help").stdout
    without = ended("--model", "anything")
    assert without.returncode == 1
    assert "sklearn" in without.stderr
    assert "vision-forge[evaluation]" in without.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "say what to measure: --model PATH, --server HOST:PORT or both"),
        (["--model=MODEL", "--mode=holdout"], 2, "needs --data DIR"),
        (["--server=127.0.0.1:1"], 1, "no server answers at 127.0.0.1:1"),
        (["--model=nowhere"], 1, "no SavedModel at"),
        (["--model=MODEL", "--min-accuracy=95"], 2, "--min-accuracy is between 0 and 1"),
        (["--model=MODEL", "--threshold=much"], 2, "a probability or a file, received much"),
        (["--model=MODEL", "--mode=holdout", "--data=OTHER"], 1, "none of its classes: sand"),
    ],
)
def test_what_cannot_be_measured_is_said(
    evaluate: Evaluate,
    published: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    for name in ("brick", "grass", "gravel", "sand"):
        (tmp_path / name).mkdir()
    real = [a.replace("MODEL", str(published)).replace("OTHER", str(tmp_path)) for a in arguments]
    ran = evaluate(*real)
    assert ran.code == code
    assert message in ran.err
    assert not ran.out
