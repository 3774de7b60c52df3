"""Training that would go wrong quietly: each guard against its own mistake, and without one."""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.running import run_python

pytestmark = pytest.mark.training

REPO = Path(__file__).resolve().parents[2]
SIDE = Path(__file__).parent / "tensorflow_side.py"

Report = dict[str, Any]


def run_side(*arguments: str | Path, **environment: str) -> Report:
    ran = run_python(SIDE, *arguments, environment=environment)
    assert ran.code == 0, ran.err
    report: Report = json.loads(ran.out.splitlines()[-1])
    return report


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return run_side("guards", tmp_path_factory.mktemp("events"))


def test_a_model_that_trains_the_statistics_of_its_base_is_caught(guards: Report) -> None:
    wrong = guards["batch_norm_shift"]["wrong"]
    assert wrong["error"][0] == "BatchNormShiftError"
    assert max(wrong["record"]["shifts"]["2"].values()) > 0.05


def test_the_alarm_names_the_worst_layer_and_says_what_to_do(guards: Report) -> None:
    wrong = guards["batch_norm_shift"]["wrong"]
    _, message = wrong["error"]
    shifts = wrong["record"]["shifts"]["2"]
    assert f"{max(shifts, key=shifts.get)} (" in message
    assert "training=False" in message


def test_the_alarm_and_the_shift_of_every_layer_are_recorded(guards: Report) -> None:
    wrong = guards["batch_norm_shift"]["wrong"]
    assert wrong["record"]["alarms"] == [wrong["error"][1]]
    assert list(wrong["record"]["shifts"]["2"]) == ["norm_0", "norm_1", "norm_2"]


def test_a_base_in_inference_mode_passes(guards: Report) -> None:
    right = guards["batch_norm_shift"]["right"]
    assert right["error"] is None
    assert right["record"]["alarms"] == []
    assert set(right["record"]["shifts"]["2"].values()) == {0.0}


def test_a_base_that_starts_from_nothing_may_learn_its_statistics(guards: Report) -> None:
    wrong = guards["batch_norm_shift"]["wrong"]
    assert wrong["lenient"]["alarms"] == []
    assert wrong["lenient"]["shifts"]["1"] == wrong["record"]["shifts"]["2"], "recorded anyway"


def test_normalisation_layers_are_found_wherever_they_are(guards: Report) -> None:
    assert guards["nested_layers"] == ["norm", "norm#2", "wrapped"]


def test_the_event_log_begins_with_tensorboards_version(guards: Report) -> None:
    assert guards["events"]["versions"] == ["", "brain.Event:2"]


def test_the_event_log_has_the_loss_of_every_epoch(guards: Report) -> None:
    assert guards["events"]["steps"]["epoch_loss"] == list(range(4))


def test_the_event_log_has_the_statistics_before_the_first_epoch_and_after_each(
    guards: Report,
) -> None:
    steps = guards["events"]["steps"]
    histograms = {tag: found for tag, found in steps.items() if tag.startswith("batch_norm/")}
    assert len(histograms) == 2 * 3
    for tag, found in histograms.items():
        assert found == list(range(-1, 4)), tag


def test_a_histogram_counts_every_value_in_ordered_buckets(guards: Report) -> None:
    histogram = guards["events"]["histogram"]
    assert histogram["counted"] == histogram["num"] > 0
    assert histogram["ordered"]
    assert histogram["last"] >= histogram["max"]


def test_an_epoch_has_an_order_of_its_own_also_when_training_goes_on(guards: Report) -> None:
    whole = guards["batches"]["whole"]
    assert [len(batch) for batch in whole] == [4, 4, 2] * 3
    epochs = [[*chain(*whole[start : start + 3])] for start in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert guards["batches"]["resumed"] == whole[3:]
    assert guards["batches"]["in order"] == [[3, 4], [5, 6], [7]]


def test_no_epoch_waits_for_the_tuner_of_the_one_before(guards: Report) -> None:
    # What it does to an epoch is a matter of time and chance; export/training/batches.py says it.
    assert guards["batches"]["tuner"] is False


def test_rows_are_let_go_with_their_data_set(guards: Report) -> None:
    # TensorFlow keeps a generator for ever: a frozen base's features stayed on disk, and in memory.
    assert guards["batches"]["let go"] == [True, False]


def test_a_training_that_is_over_leaves_no_weights_in_memory(guards: Report) -> None:
    # TensorFlow registers a gradient of what it calls the sum over replicas, and never forgets it.
    assert guards["step_graphs"] == 0


INSIDE = "RGB from 0 to 255"  # a base that normalises by itself takes these


def what_is_wrong(case: str) -> str | None:
    """Return what an error must say of ``expected <- given``; None when there must be none."""
    expected, _, given = case.partition(" <- ")
    if given == expected:
        return None
    if given == "twice":
        return "normalised twice"
    if given == INSIDE:
        return "never normalised"
    if expected == INSIDE:
        return "normalises inside"
    return f"another base ({given})"


def test_each_base_takes_its_own_preprocessing_and_no_other(guards: Report) -> None:
    raised = {case: error and error[0] for case, error in guards["ranges"].items()}
    assert raised == {
        case: "InputRangeError" if what_is_wrong(case) else None for case in guards["ranges"]
    }


def test_a_wrong_preprocessing_is_told_from_the_others(guards: Report) -> None:
    for case, error in guards["ranges"].items():
        said = what_is_wrong(case)
        if said:
            assert said in error[1], case


def test_every_backbone_is_what_its_row_says(guards: Report) -> None:
    rows = guards["preprocessing"]["rows"]
    assert {"mobilenet_v2", "resnet50", "efficientnet_b0", "yolov3_tiny"} <= set(rows)
    assert [name for name, error in rows.items() if error] == []
    assert guards["preprocessing"]["official"] is None, "Keras's own function passes"


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("swapped", "Red and blue are swapped"),
        ("not swapped", "Red and blue are swapped"),
        ("twice", "normalised twice"),
        ("never", "never normalised"),
        ("another's", "another base"),
    ],
)
def test_wrong_preprocessing_is_recognised(guards: Report, mistake: str, said: str) -> None:
    kind, message = guards["preprocessing"]["wrong"][mistake]
    assert kind == "InputRangeError"
    assert said in message


def test_a_guess_is_refused_only_with_evidence(guards: Report) -> None:
    found = guards["unusual_batches"]
    assert "another base (RGB in [0, 1])" in found["many"][1]
    assert found["few"] is None
    assert found["known"] is None
    assert "not finite" in found["damaged"][1]
    assert "[8, 8, 8]" in found["shape"][1]


def test_an_image_under_the_smallest_input_is_refused(guards: Report) -> None:
    kind, message = guards["unusual_batches"]["small"]
    assert kind == "ImageSizeError"
    assert "cat/1.jpg has 400 x 31 pixels" in message
    assert "32 x 32" in message
    assert guards["unusual_batches"]["large enough"] is None


def test_a_base_that_trains_in_phase_1_is_refused(guards: Report) -> None:
    kind, message = guards["freezing"]["trainable"]
    assert kind == "TrainableBaseError"
    assert "deep" in message
    assert "base.trainable = False" in message
    assert guards["freezing"]["frozen"] is None


@pytest.mark.parametrize(
    ("when", "said", "base_trains"),
    [("frozen late", "would go on training", True), ("unfrozen late", "would not train", False)],
)
def test_a_model_compiled_too_early_is_refused(
    guards: Report, when: str, said: str, base_trains: bool
) -> None:
    (kind, message), trains = guards["freezing"][when]
    assert kind == "StaleCompileError"
    assert said in message
    assert "base/deep/kernel" in message
    assert trains is base_trains, "Keras does what the message says"


def test_what_is_compiled_in_time_passes(guards: Report) -> None:
    assert guards["freezing"]["compiled first"] == [None, False]
    assert guards["freezing"]["compiled again"] == [None, True]
    assert guards["freezing"]["not compiled"][0] == "StaleCompileError"


@pytest.fixture(scope="module")
def little_memory() -> Report:
    """Trainings with less memory than they take."""
    if sys.platform != "linux":
        pytest.skip("limits the address space as Linux does")
    # oneDNN's allocator would wait ten seconds for somebody to give memory back, each time.
    return run_side("out_of_memory", TF_ENABLE_ONEDNN_OPTS="0")


def test_unguarded_a_batch_that_does_not_fit_ends_the_training(little_memory: Report) -> None:
    kind, _ = little_memory["unguarded"]
    assert kind == "ResourceExhaustedError", "TensorFlow really had too little"


def test_a_batch_that_does_not_fit_is_halved(little_memory: Report) -> None:
    assert little_memory["limit"] == 8
    assert little_memory["notes"][0] == "out of memory: training steps of 16 examples halved to 8"


def test_halved_it_trains_as_with_that_batch_size_from_the_start(little_memory: Report) -> None:
    assert little_memory["updates"] == 3, "8, 8 and 8 of 24 examples"
    assert little_memory["as if smaller"] < 1e-6


def test_features_are_computed_in_batches_that_fit(little_memory: Report) -> None:
    assert little_memory["features"]


def test_one_example_that_does_not_fit_is_said_with_what_to_do(little_memory: Report) -> None:
    kind, message = little_memory["one does not fit"]
    assert kind == "OutOfMemoryError"
    assert "--image-size" in message
