"""Two classes, with a model whose answers one can work out: how bright is the photograph?

``dark`` or ``light``, log-odds (mean luma - 128) / 16. The model is biased: what a person calls
light begins at 96, so 0.5 is the wrong threshold, and validation photographs show it.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.errors import DataSetError
from export.evaluation import arguments as options
from export.evaluation import minimums, modes, periods, threshold
from export.evaluation.answers import AnswersError, ClassifierSource, Outputs, RefusedError
from export.evaluation.cutoff import ThresholdError
from export.training import provenance
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.contract import ContractMismatchError

CLASSES = ("dark", "light")
TRUE_LIMIT = 96


def answer(images: Sequence[bytes]) -> Outputs:
    lumas = []
    for content in images:
        try:
            with Image.open(io.BytesIO(content)) as image:
                lumas.append(np.asarray(image.convert("L"), np.float64).mean())
        except OSError as err:
            raise RefusedError("no picture") from err
    logits = np.zeros((len(images), 2), np.float32)
    logits[:, 1] = (np.array(lumas) - 128) / 16
    powers = np.exp(logits)
    names = np.array([[name.encode() for name in CLASSES]] * len(images), dtype=object)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return {"probabilities": probabilities, "logits": logits, "classes": names}, 3


@pytest.fixture(scope="module")
def source() -> ClassifierSource:
    return ClassifierSource("the toy", answer, toolkit_contract("classifier").bind(CLASSES))


def write(folder: Path, seed: int, count: int = 60, limit: float = TRUE_LIMIT) -> Path:
    """Write noisy grey squares, most of them on the right side of ``limit``."""
    random = np.random.default_rng(seed)
    for position in range(count):
        luma = random.uniform(30, 200)
        label = CLASSES[int(luma + random.normal(0, 10) > limit)]
        (folder / label).mkdir(parents=True, exist_ok=True)
        pixels = np.clip(random.normal(luma, 6, (24, 24)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / label / f"{seed}_{position}.png")
    return folder


def write_version(folder: Path) -> Path:
    home = write(folder / "data set", seed=0, count=200)
    files = sorted(home.rglob("*.png"))
    record = {
        "classes": list(CLASSES),
        "data": provenance.data_record(home, files[::2], files[1::2]),
    }
    extra = folder / "models" / "classifier" / "3" / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return extra.parent


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version's record of the photographs it was made from."""
    return write_version(tmp_path)


def parse(*arguments: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    return parser.parse_args(list(map(str, arguments)))


def test_the_options_offer_what_there_is() -> None:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    found = {action.dest: action for action in parser._actions}
    assert tuple(found["dates"].choices or ()) == periods.DATES
    assert tuple(found["period"].choices or ()) == periods.LENGTHS
    assert tuple(found["threshold_rule"].choices or ()) == threshold.RULES
    assert found["withheld_cost"].default == threshold.WITHHELD_COST
    assert tuple(found["compare"].choices or ()) == (minimums.LOW, minimums.VALUE)


@pytest.fixture(scope="module")
def found(source: ClassifierSource, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is measured of a holdout of the same kind."""
    home = tmp_path_factory.mktemp("found")
    holdout = write(home / "holdout", seed=1)
    said = parse("--model", write_version(home), "--mode", "holdout", "--data", holdout)
    return modes.measure(source, said).document


def test_the_threshold_is_where_people_see_the_border(found: dict[str, Any]) -> None:
    # (96 - 128) / 16 = -2, which is 0.119.
    assert found["threshold"]["value"] == pytest.approx(0.119, abs=0.08)
    assert found["threshold"]["interval"][1] < 0.5


def test_the_threshold_says_what_it_was_chosen_on(found: dict[str, Any]) -> None:
    chosen_on = found["threshold"]["chosen_on"]
    assert (chosen_on["photographs"], chosen_on["version"]) == (100, 3)


def test_the_threshold_helps_on_the_holdout(found: dict[str, Any]) -> None:
    assert found["accuracy"]["value"] > found["likeliest_class_accuracy"]["value"] + 0.05


def test_a_holdout_of_the_same_kind_raises_no_alarm(found: dict[str, Any]) -> None:
    assert not found["drift"]["found"]
    assert found["notes"] == []


def test_the_threshold_does_not_change_with_the_holdout(
    source: ClassifierSource, version: Path, tmp_path: Path
) -> None:
    values = {
        modes.measure(
            source,
            parse(
                "--model",
                version,
                "--mode",
                "holdout",
                "--data",
                write(tmp_path / str(limit), seed=limit, limit=limit),
            ),
        ).document["threshold"]["value"]
        for limit in (70, 150)
    }
    assert len(values) == 1


def test_a_recorded_threshold_is_used_as_it_is(
    source: ClassifierSource, version: Path, tmp_path: Path
) -> None:
    validated = modes.measure(source, parse("--model", version, "--positive", "dark")).document
    file = tmp_path / "validation.json"
    file.write_text(json.dumps(validated))
    holdout = write(tmp_path / "holdout", seed=1)
    asked = ("--mode", "holdout", "--data", holdout)
    found = modes.measure(source, parse(*asked, "--threshold", file)).document
    assert found["threshold"] == validated["threshold"]
    assert found["threshold"]["positive"] == "dark"
    given = modes.measure(source, parse(*asked, "--threshold", "0.5")).document
    assert given["accuracy"] == given["likeliest_class_accuracy"]
    with pytest.raises(ThresholdError, match="chosen on 'holdout'"):
        validated["threshold"]["chosen_on"]["part"] = "holdout"
        file.write_text(json.dumps(validated))
        modes.measure(source, parse(*asked, "--threshold", file))


def test_validation_says_what_flatters_it(source: ClassifierSource, version: Path) -> None:
    notes = modes.measure(source, parse("--model", version)).document["notes"]
    assert any("figures that use it flatter it" in note for note in notes)
    given = modes.measure(source, parse("--model", version, "--threshold", "0.4")).document
    assert not any("flatter" in note for note in given["notes"])


def test_a_record_without_its_photographs_measures_what_it_can(
    source: ClassifierSource, version: Path, tmp_path: Path
) -> None:
    holdout = write(tmp_path / "holdout", seed=1)
    (tmp_path / "data set").rename(tmp_path / "moved")
    asked = ("--model", version, "--mode", "holdout", "--data", holdout)
    found = modes.measure(source, parse(*asked)).document
    assert found["threshold"] is None
    assert "is not there; name its present place" in found["drift"]["reason"]
    assert any("the likeliest class is answered" in note for note in found["notes"])
    moved = modes.measure(source, parse(*asked, "--training-data", tmp_path / "moved")).document
    assert moved["drift"]["measured"]
    with pytest.raises(DataSetError, match="is not there"):
        modes.measure(source, parse(*asked, "--training-data", tmp_path / "elsewhere"))


def test_few_photographs_are_too_few_for_drift(
    source: ClassifierSource, version: Path, tmp_path: Path
) -> None:
    holdout = write(tmp_path / "holdout", seed=1, count=16)
    found = modes.measure(
        source, parse("--model", version, "--mode", "holdout", "--data", holdout)
    ).document
    assert not found["drift"]["measured"]
    assert "at least 20 are needed" in found["drift"]["reason"]


def test_over_time_a_border_that_moved_is_a_drop(
    source: ClassifierSource, version: Path, tmp_path: Path
) -> None:
    for month, limit in (("2024-01", TRUE_LIMIT), ("2024-02", TRUE_LIMIT), ("2024-03", 140)):
        write(tmp_path / "time" / month, seed=int(month[-1]), limit=limit)
    found = modes.measure(
        source, parse("--model", version, "--mode", "temporal", "--data", tmp_path / "time")
    ).document
    shift = found["temporal"]
    assert list(shift["periods"]) == ["2024-01", "2024-02", "2024-03"]
    assert shift["beyond_chance"]
    assert not found["drift"]["found"]  # the photographs are the same; what they are called is not


def test_one_file_that_is_no_picture_costs_no_other(
    source: ClassifierSource, tmp_path: Path
) -> None:
    holdout = write(tmp_path / "holdout", seed=1, count=40)
    (holdout / "dark" / "1_0a.png").write_bytes(b"no picture")
    found = modes.measure(source, parse("--server", "x", "--mode", "holdout", "--data", holdout))
    assert found.document["photographs"] == 40
    assert list(found.document["data"]["refused"].values()) == ["no picture"]
    assert found.answers.paths == tuple(sorted(found.answers.paths))


def test_answers_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    paths = sorted(write(tmp_path, seed=1, count=4).rglob("*.png"))
    other = ClassifierSource(
        "the toy", answer, toolkit_contract("classifier").bind(("light", "dark"))
    )
    with pytest.raises(ContractMismatchError, match="class order"):
        other.answer(paths)

    def without_logits(images: Sequence[bytes]) -> Outputs:
        outputs, version = answer(images)
        return {name: value for name, value in outputs.items() if name != "logits"}, version

    lacking = ClassifierSource("the toy", without_logits, toolkit_contract("classifier"))
    with pytest.raises(AnswersError, match=r"answers without logits; it has classes, prob"):
        lacking.answer(paths)

    def not_a_number(images: Sequence[bytes]) -> Outputs:
        outputs, version = answer(images)
        return {**outputs, "logits": outputs["logits"] * np.nan}, version

    broken = ClassifierSource("the toy", not_a_number, toolkit_contract("classifier"))
    with pytest.raises(AnswersError, match="the toy answers logits that are no numbers"):
        broken.answer(paths)

    versions = iter(range(1, 9))

    def changing(images: Sequence[bytes]) -> Outputs:
        return answer(images)[0], next(versions)

    swapped = ClassifierSource("the toy", changing, toolkit_contract("classifier"))
    with pytest.raises(AnswersError, match=r"changed from version \[1, 2\].*--model-version"):
        swapped.answer(paths, batch_size=2)
