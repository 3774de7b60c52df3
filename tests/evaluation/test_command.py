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

from tests.running import Ran

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


@pytest.fixture(scope="module")
def run(published: Path) -> dict[str, Any]:
    """What the published version carries of its run."""
    text = (published / "assets.extra" / "run.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_exported_graph_is_as_good_as_training_recorded(
    validated: tuple[Any, Path], run: dict[str, Any]
) -> None:
    kept = next(p for p in run["phases"] if p["number"] == run["kept_phase"])
    accuracy = validated[0].result["accuracy"]["value"]
    assert accuracy == pytest.approx(kept["accuracy"], abs=1e-3)


def test_the_validation_split_is_the_one_of_the_training(
    validated: tuple[Any, Path], run: dict[str, Any]
) -> None:
    result = validated[0].result
    assert result["photographs"] == len(run["data"]["validation"])
    assert result["data"]["fingerprint"] == run["data"]["fingerprint"]


def test_a_threshold_is_chosen_on_the_validation_split(validated: tuple[Any, Path]) -> None:
    threshold = validated[0].result["threshold"]
    assert (threshold["chosen_on"]["part"], threshold["rule"]) == ("validation", "chow")


def test_above_the_threshold_are_most_answers(validated: tuple[Any, Path]) -> None:
    assert validated[0].result["withholding"]["coverage"]["value"] > 0.5


def test_the_f1_of_a_class_with_few_photographs_is_withheld(validated: tuple[Any, Path]) -> None:
    classes = validated[0].result["classes"]
    assert all("withheld" in c["f1"] for c in classes.values())  # 13 photographs each


def test_the_result_is_written_as_it_is_printed(validated: tuple[Any, Path]) -> None:
    ran, home = validated
    assert json.loads((home / "all.json").read_text(encoding="utf-8")) == ran.result


def test_the_answers_are_written_one_a_line(validated: tuple[Any, Path]) -> None:
    ran, home = validated
    lines = [json.loads(line) for line in (home / "each.jsonl").read_text().splitlines()]
    right = sum(line["class"] == line["answered"] for line in lines)
    assert right / len(lines) == pytest.approx(ran.result["accuracy"]["value"], abs=1e-4)


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


@pytest.fixture(scope="module")
def held_out(evaluate: Evaluate, published: Path, unseen: Path) -> dict[str, Any]:
    """The result on photographs of the same kind."""
    ran = evaluate(f"--model={published}", "--mode=holdout", f"--data={unseen}", "--fail-on=drift")
    assert ran.code == 0, ran.err
    result: dict[str, Any] = ran.result
    return result


def test_every_photograph_of_a_holdout_is_measured(held_out: dict[str, Any]) -> None:
    assert held_out["photographs"] == 84


def test_a_holdout_of_the_same_kind_is_no_leak(held_out: dict[str, Any]) -> None:
    leaks = held_out["leaks"]
    assert leaks["exact"] == 0
    # One course of bricks looks like another; no grass looks like other grass.
    assert {Path(pair["holdout"]).parent.name for pair in leaks["pairs"]} <= {"brick"}
    assert leaks["near"] <= 4


def test_a_holdout_of_the_same_kind_is_no_drift(held_out: dict[str, Any]) -> None:
    assert held_out["drift"]["measured"]
    assert not held_out["drift"]["found"]


def test_the_threshold_for_a_holdout_is_chosen_on_validation(held_out: dict[str, Any]) -> None:
    assert held_out["threshold"]["chosen_on"]["part"] == "validation"


def test_an_accuracy_above_095_alone_is_suspect(held_out: dict[str, Any]) -> None:
    assert held_out["suspect"]["found"] == (held_out["accuracy"]["value"] > 0.95)


@pytest.fixture(scope="module")
def trained_on(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A holdout of training photographs: one of each class copied, three mirrored."""
    home = tmp_path_factory.mktemp("trained_on")
    for name in ("brick", "grass", "gravel"):
        (home / name).mkdir()
        files = sorted((photographs / name).iterdir())[:4]
        shutil.copy(files[0], home / name / "copied.jpg")
        for path in files[1:]:
            with Image.open(path) as image:
                ImageOps.mirror(image).save(home / name / path.name, quality=60)
    return home


@pytest.fixture(scope="module")
def leaked(evaluate: Evaluate, published: Path, trained_on: Path) -> Ran:
    ran: Ran = evaluate(
        f"--model={published}",
        "--mode=holdout",
        f"--data={trained_on}",
        "--fail-on=leak",
        "--fail-on=suspect",
    )
    assert ran.code == 1, ran.err
    return ran


def test_photographs_from_training_are_counted(leaked: Ran) -> None:
    found = leaked.result["leaks"]
    assert (found["exact"], found["near"], found["photographs"]) == (3, 9, 12)


def test_a_copied_photograph_is_named_first_with_the_one_of_training(
    leaked: Ran, trained_on: Path
) -> None:
    first = leaked.result["leaks"]["pairs"][0]
    assert first["kind"] == "exact"
    assert first["holdout"] == str(trained_on / "brick" / "copied.jpg")
    assert Path(first["training"]).read_bytes() == Path(first["holdout"]).read_bytes()


def test_a_mirrored_photograph_is_recognised(leaked: Ran) -> None:
    assert all(pair["mirrored"] for pair in leaked.result["leaks"]["pairs"][3:])


def test_photographs_from_training_make_the_accuracy_suspect(leaked: Ran) -> None:
    assert "it has seen 12 of them, or nearly" in leaked.result["suspect"]["message"]


def test_all_that_must_fail_the_command_is_said(leaked: Ran) -> None:
    assert len(leaked.result["failed"]) == 2
    assert "leak: 12 photographs are in the training data too" in leaked.err


@pytest.fixture(scope="module")
def became_worse(
    evaluate: Evaluate, published: Path, unseen: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The result on photographs of two months, those of the second blurred."""
    home = tmp_path_factory.mktemp("became_worse")
    shutil.copytree(unseen, home / "2023-05")
    changed(unseen, home / "2024-05", lambda i: i.filter(ImageFilter.GaussianBlur(6)))
    ran = evaluate(
        f"--model={published}",
        "--mode=temporal",
        f"--data={home}",
        "--fail-on=drop",
        "--fail-on=drift",
    )
    assert ran.code == 1, ran.err
    result: dict[str, Any] = ran.result
    return result


def test_photographs_that_became_worse_are_a_drop_beyond_chance(
    became_worse: dict[str, Any],
) -> None:
    shift = became_worse["temporal"]
    assert list(shift["periods"]) == ["2023-05", "2024-05"]
    assert shift["beyond_chance"]
    assert shift["drop"]["interval"][0] > 0


def test_photographs_that_became_worse_are_drift(became_worse: dict[str, Any]) -> None:
    assert "sharpness" in became_worse["drift"]["changed"]


def test_a_drop_and_drift_each_fail_the_command(became_worse: dict[str, Any]) -> None:
    assert len(became_worse["failed"]) == 2


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


@pytest.fixture(scope="module")
def nine(unseen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine photographs, and two files that are none."""
    home = tmp_path_factory.mktemp("nine")
    for name in ("brick", "grass", "gravel"):
        (home / name).mkdir()
        for path in sorted((unseen / name).iterdir())[:3]:
            shutil.copy(path, home / name)
    (home / "grass" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (home / "grass" / "empty.jpg").touch()
    return home


@pytest.fixture(scope="module")
def of_a_server_alone(evaluate: Evaluate, classifier_server: str, nine: Path) -> dict[str, Any]:
    """The result without ``--model``."""
    ran = evaluate(f"--server={classifier_server}", "--mode=holdout", f"--data={nine}")
    assert ran.code == 0, ran.err
    result: dict[str, Any] = ran.result
    return result


def test_without_a_version_a_server_is_measured(of_a_server_alone: dict[str, Any]) -> None:
    assert of_a_server_alone["photographs"] == 9
    assert set(of_a_server_alone["classes"]) == {"brick", "grass", "gravel"}


def test_files_that_are_no_photographs_are_named(of_a_server_alone: dict[str, Any]) -> None:
    refused = {Path(path).name for path in of_a_server_alone["data"]["refused"]}
    assert refused == {"broken.jpg", "empty.jpg"}


def test_without_a_version_there_is_no_threshold(of_a_server_alone: dict[str, Any]) -> None:
    assert of_a_server_alone["threshold"] is None


def test_without_a_version_leaks_are_not_measured_and_why(
    of_a_server_alone: dict[str, Any],
) -> None:
    assert of_a_server_alone["leaks"]["found"] is None
    assert "without --model PATH" in of_a_server_alone["leaks"]["reason"]


def test_what_was_not_measured_cannot_pass(
    evaluate: Evaluate, classifier_server: str, nine: Path
) -> None:
    failing = evaluate(
        f"--server={classifier_server}", "--mode=holdout", f"--data={nine}", "--fail-on=leak"
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
    said = re.search(r"a difference of ([\d.]+) \[golden-answer\]\. Name the version", ran.err)
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
    assert without.returncode == 2
    assert "sklearn" in without.stderr or "tensorflow" in without.stderr
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
