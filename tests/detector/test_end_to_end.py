"""From labelled photographs to boxes from a server, by the command line."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from python_client import VisionClient
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract import golden
from tests.golden_answers import assert_golden
from tests.running import Ran

pytestmark = pytest.mark.training

Run = Callable[..., Ran]
NAMES = ("disc", "square")


@pytest.fixture(scope="module")
def version(trained: dict[str, Any]) -> Path:
    return Path(trained["path"])


@pytest.fixture(scope="module")
def client(version: Path, detector_server: str) -> Any:
    with VisionClient(detector_server, model="detector", contract=version) as open_client:
        yield open_client


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def detect(client: Any, **inputs: Any) -> dict[str, np.ndarray]:
    key = "serving_bytes" if "image_bytes" in inputs else "serving_default"
    answer: dict[str, np.ndarray] = client.predict(inputs, signature=key)
    return answer


def test_the_result_says_what_was_made_of_what(trained: dict[str, Any]) -> None:
    expected = {
        "model": "detector",
        "version": 1,
        "classes": list(NAMES),
        "images": {"training": 24, "validation": 8, "problems": 0},
    }
    assert {name: trained[name] for name in expected} == expected


def test_the_head_is_trained_and_then_the_top(trained: dict[str, Any]) -> None:
    assert [phase["name"] for phase in trained["phases"]] == ["head", "top"]


def test_training_begins_with_darknets_weights(trained: dict[str, Any]) -> None:
    assert trained["weights"]["source"] in {"darknet", "mirror"}
    assert trained["weights"]["sha256"].startswith("dccea06f")


def test_the_detector_finds_things(trained: dict[str, Any]) -> None:
    assert trained["map50"] > 0.4  # after seconds of training; by chance it would be near 0


def test_phase_2_trains_the_backbone_and_cannot_lose(trained: dict[str, Any]) -> None:
    head, top = trained["phases"]
    assert top["map50"] >= head["map50"]
    if top["kept_epoch"]:
        assert 0 < trained["backbone_change"] < 0.1
    else:
        assert trained["backbone_change"] == 0


@pytest.fixture(scope="module")
def record(version: Path) -> dict[str, Any]:
    """What the published version carries of its run."""
    found: dict[str, Any] = json.loads((version / "assets.extra" / "run.json").read_text())
    return found


@pytest.mark.parametrize("term", ["box_loss", "objectness_loss", "class_loss"])
def test_each_term_of_the_loss_is_shown(trained: dict[str, Any], term: str) -> None:
    assert term in trained["log"]


def test_each_term_of_the_loss_is_recorded_of_every_epoch(record: dict[str, Any]) -> None:
    first, *_, last = record["phases"]["head"]
    assert {"loss", "box_loss", "objectness_loss", "class_loss", "val_map50"} <= set(first)
    assert last["loss"] < first["loss"]


def test_each_term_of_the_loss_is_in_the_event_log(
    side: Any, version: Path, record: dict[str, Any]
) -> None:
    epochs = len(record["phases"]["head"])
    tags = side("event_tags", str(version.parent.parent / "tensorboard" / "head"))
    for name in ("loss", "box_loss", "objectness_loss", "class_loss", "val_map50"):
        assert tags[f"epoch_{name}"] == epochs


def test_the_anchors_are_recorded(record: dict[str, Any]) -> None:
    assert np.shape(record["anchors"]) == (3, 3, 2)


def test_training_left_the_statistics_of_the_backbone_alone(record: dict[str, Any]) -> None:
    assert record["notes"] == record["batch_norm"]["alarms"] == []
    for shifts in record["batch_norm"]["shifts"].values():
        assert len(shifts) == 7, "every BatchNormalization of the backbone"
        assert set(shifts.values()) == {0.0}


def test_with_the_last_weights_kept_validation_chooses_nothing(
    shapes: Path, run_export: Run, tmp_path: Path
) -> None:
    ran = run_export(
        "detector", "--data", shapes, "--out", tmp_path, "--keep", "final", "--image-size", "64",
        "--views", "1", "--epochs", "3", "--fine-tune-epochs", "2",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    result = ran.result
    assert [phase["kept_epoch"] for phase in result["phases"]] == [3, 2]
    measured = [line for line in ran.err.splitlines() if "validation mAP" in line]
    looks = [line for line in measured if "final" in line]
    assert len(looks) == 2 and len(measured) == 4  # and each phase's summary repeats its own
    assert f"{result['map50']:.4f}" in looks[-1]
    assert result["backbone_change"] > 0


def test_the_contract_copy_has_names_and_thresholds(version: Path) -> None:
    contract = contracts.load(version)
    assert contract.class_names == NAMES
    assert contract.bound == {"N": 100}
    assert contract.parameters["score_threshold"] == 0.01
    assert contract.parameters["iou_threshold"] == 0.5


def test_it_was_verified_before_it_was_published(trained: dict[str, Any]) -> None:
    assert set(trained["max_distance"]) == {
        "detection_boxes", "detection_scores", "detection_classes", "num_detections",
    }  # fmt: skip
    outputs = toolkit_contract("detector").signature("serving_default").outputs
    for name, distance in trained["max_distance"].items():
        assert distance <= outputs[name].tolerance.absolute, name


def test_the_golden_corpus_through_the_server(version: Path, client: Any) -> None:
    contract = contracts.load(version)
    cases = golden.load(version, contract)
    assert {"one", "batch_of_sizes"} <= {case.name for case in cases}
    for case in cases:
        assert_golden(case, detect(client, **case.inputs), contract)


def test_a_batch_of_sizes_answers_as_one_by_one(shapes: Path, client: Any) -> None:
    files = sorted((shapes / "JPEGImages").iterdir())[-6:]
    assert len({size_of(file) for file in files}) > 1
    content = [file.read_bytes() for file in files]
    together = detect(client, image_bytes=np.array(content, dtype=object))
    for row, single in enumerate(content):
        alone = detect(client, image_bytes=np.array([single], dtype=object))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][row], values[0], atol=1e-5, err_msg=name)


def test_pixels_and_files_get_the_same_answer(shapes: Path, client: Any) -> None:
    file = sorted((shapes / "JPEGImages").iterdir())[-1]
    # A PNG, since two JPEG decoders may differ by a grey level.
    pixels = pixels_of(file)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    by_file = detect(client, image_bytes=np.array([encoded.getvalue()], dtype=object))
    by_pixels = detect(client, input_tensor=pixels[None])
    for name, values in by_pixels.items():
        np.testing.assert_allclose(by_file[name], values, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def detected(shapes: Path, client: Any) -> list[tuple[Path, dict[str, np.ndarray]]]:
    """The last eight pictures, each with the answer to a call of its own."""
    files = sorted((shapes / "JPEGImages").iterdir())[-8:]
    answers = [
        detect(client, image_bytes=np.array([file.read_bytes()], dtype=object)) for file in files
    ]
    return [
        (file, {name: values[0] for name, values in answer.items()})
        for file, answer in zip(files, answers, strict=True)
    ]


def test_the_answer_keeps_the_contract(
    detected: list[tuple[Path, dict[str, np.ndarray]]],
) -> None:
    for _, answer in detected:
        count = int(answer["num_detections"])
        boxes, scores = answer["detection_boxes"], answer["detection_scores"]
        classes = answer["detection_classes"]
        assert boxes.shape == (100, 4) and scores.shape == classes.shape == (100,)
        assert (np.diff(scores[:count]) <= 0).all() and (scores[:count] >= 0.01).all()
        assert set(classes[:count]) <= {1.0, 2.0}
        assert boxes.min() >= 0 and boxes.max() <= 1
        assert not boxes[count:].any() and not scores[count:].any() and not classes[count:].any()


def test_the_best_box_lies_on_what_was_drawn(
    detected: list[tuple[Path, dict[str, np.ndarray]]],
) -> None:
    """Boxes are in the original's coordinates."""
    hits = 0
    for file, answer in detected:
        pixels = pixels_of(file).astype(int)
        height, width = pixels.shape[:2]
        ymin, xmin, ymax, xmax = answer["detection_boxes"][0]
        centre = pixels[int((ymin + ymax) / 2 * height), int((xmin + xmax) / 2 * width)]
        kind = NAMES[int(answer["detection_classes"][0]) - 1]
        color = (255, 40, 40) if kind == "disc" else (40, 255, 40)
        hits += np.abs(centre - color).max() < 30
    assert hits >= len(detected) - 1


@pytest.fixture(scope="module")
def evaluated(
    version: Path, shapes: Path, run_export: Run, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The result of ``evaluate`` on the validation pictures, drawn."""
    arguments = ["--data", shapes, "--pictures", tmp_path_factory.mktemp("drawn")]
    ran = run_export("evaluate", "detector", version, *arguments, "--score", "0.3")
    assert ran.code == 0, ran.err
    result: dict[str, Any] = ran.result
    return result


def test_the_validation_pictures_are_evaluated_by_class(evaluated: dict[str, Any]) -> None:
    assert evaluated["images"] == 8 and set(evaluated["per_class"]) == set(NAMES)


def test_it_is_measured_on_what_the_run_held_out(evaluated: dict[str, Any]) -> None:
    assert (evaluated["part"], evaluated["max_detections"]) == ("validation", 100)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--part=all"], 1, "24 of 32 images were trained on by this version"),
        (["--part=test"], 1, "has no test part; it has training 24, validation 8"),
        (["--score=2"], 2, "--score takes a score from 0 to 1, received 2.0"),
        (["--validation-fraction=1"], 2, "must lie between 0 and 1, received 1.0"),
    ],
)
def test_what_would_not_measure_is_refused(
    version: Path, shapes: Path, run_export: Run, arguments: list[str], code: int, said: str
) -> None:
    ran = run_export("evaluate", "detector", version, "--data", shapes, *arguments)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err


def test_training_images_are_known_in_another_folder(
    version: Path, shapes: Path, run_export: Run, tmp_path: Path
) -> None:
    for name in ("image_00", "image_01"):
        shutil.copy(shapes / "JPEGImages" / f"{name}.jpg", tmp_path / f"renamed_{name}.jpg")
        shutil.copy(shapes / "Annotations" / f"{name}.xml", tmp_path / f"renamed_{name}.xml")
    ran = run_export("evaluate", "detector", version, "--data", tmp_path)
    assert (ran.code, ran.out) == (1, ""), ran.err
    assert "2 of 2 images were trained on by this version (renamed_image_00.jpg" in ran.err


def test_the_exported_graph_is_as_precise_as_training_recorded(
    evaluated: dict[str, Any], trained: dict[str, Any]
) -> None:
    # The same figure as while training, now by pycocotools on the served graph.
    assert evaluated["map50"] == pytest.approx(trained["map50"], abs=0.02)


def test_boxes_that_must_fit_better_are_found_less_often(evaluated: dict[str, Any]) -> None:
    assert evaluated["map50_95"] < evaluated["map50"]


def test_all_evaluated_pictures_are_on_one_sheet(evaluated: dict[str, Any]) -> None:
    assert size_of(Path(evaluated["pictures"]["sheet"]))[0] > 1000


def test_the_worst_pictures_are_drawn_worst_first(evaluated: dict[str, Any]) -> None:
    worst = evaluated["pictures"]["worst"]
    assert len(worst) == 5 and all(Path(w["path"]).is_file() for w in worst)
    assert [w["f1"] for w in worst] == sorted(w["f1"] for w in worst)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--image-size", "100"], 2, "image_size must be a multiple of 32"),
        (
            ["--backbone", "vgg16"],
            2,
            "yolov3_tiny, yolov3_tiny_3l, darknet53, csp_darknet53, mobilenet_v2, received 'vgg16'",
        ),
        (["--weights", "/nowhere.weights"], 1, "no weights file at /nowhere.weights"),
        (["--backbone", "darknet53"], 1, "use --backbone yolov3_tiny, which has one"),
        (["--data", "/nowhere"], 1, "no data set at /nowhere"),
    ],
)
def test_what_cannot_work_is_said_before_training(
    side: Any, shapes: Path, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    exit_code, out, err = side(
        "command_line", ["detector", "--data", str(shapes), "--out", str(tmp_path), *options]
    )
    assert exit_code == code, err
    assert message in err
    assert "Traceback" not in err and "Epoch" not in err
    assert out == "" and not list(tmp_path.glob("detector/*"))
