"""``python -m model_server.tune``: the rule on figures one can follow, and a run of the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

import protos
from model_server.tuning.rule import Result, Round, choose
from model_server.tuning.settings import Batching, Setting, grid
from tests.running import PATIENCE_S
from tests.warm.warmth import warm_python

DEFAULT, ONE_THREAD = Setting(0), Setting(1)
BATCHES = Setting(1, Batching(4, 2))
LOADS = (1, 8, 32)


def result(
    setting: Setting, ratios: Mapping[int, float], tail: float = 1.0, failed: int = 0
) -> Result:
    """Three rounds a load around a ratio, half a percent apart, and a p99 around a tail."""
    return Result(
        setting,
        {
            clients: [
                Round(100 * ratio * f, 100, 5.0, 50 * tail * f, 50, failed)
                for f in (0.995, 1.0, 1.005)
            ]
            for clients, ratio in ratios.items()
        },
    )


def pick(*others: Result) -> Setting:
    return choose([result(DEFAULT, dict.fromkeys(LOADS, 1.0)), *others], LOADS).setting


def test_the_grid_begins_with_the_defaults_and_grows() -> None:
    batches = Batching(4, 8)
    assert grid([1, 0], [4], batch_threads=8) == [
        *(Setting(0), Setting(1)),
        *(Setting(0, batches), Setting(1, batches)),
    ]


FASTER = result(ONE_THREAD, {1: 1.1, 8: 1.5, 32: 1.5}, tail=0.8)


def test_the_most_requests_under_the_heaviest_load_win() -> None:
    assert pick(FASTER) == ONE_THREAD
    assert pick(result(ONE_THREAD, {1: 0.9, 8: 1.5, 32: 1.5})) == DEFAULT, "one client loses"


def test_batching_is_for_the_slowest_callers() -> None:
    assert pick(FASTER, result(BATCHES, {1: 1.1, 8: 1.5, 32: 1.5}, tail=0.4)) == BATCHES
    more = result(BATCHES, {1: 1.1, 8: 1.5, 32: 2.0}, tail=0.8)
    assert pick(FASTER, more) == ONE_THREAD, "more requests alone are not what it is for"


@pytest.mark.parametrize("clients", LOADS)
def test_batching_may_cost_no_load_anything(clients: int) -> None:
    # Better than the defaults everywhere, yet it takes what threads alone gave.
    ratios = {1: 1.1, 8: 1.5, 32: 1.5} | {clients: 1.05}
    assert pick(FASTER, result(BATCHES, ratios, tail=0.4)) == ONE_THREAD


def test_batching_cuts_large_requests_and_has_room_for_all_that_are_let_in() -> None:
    written = text_format.Parse(Batching(6, 2).text(), protos.BatchingParameters())
    assert written.enable_large_batch_splitting.value
    assert written.max_batch_size.value == 1024
    assert written.max_execution_batch_size.value == 6
    assert written.max_enqueued_batches.value == 128 * 171, "171 batches of 6 hold 1024 rows"
    assert not written.allowed_batch_sizes


def test_differences_below_the_noise_leave_the_simpler_setting() -> None:
    assert pick(result(ONE_THREAD, {1: 1.0, 8: 1.0, 32: 1.01})) == DEFAULT


def test_a_setting_with_failed_calls_is_never_picked() -> None:
    assert pick(result(ONE_THREAD, {1: 2.0, 8: 2.0, 32: 2.0}, failed=1)) == DEFAULT


def tune(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [warm_python(), "-m", "model_server.tune", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def request_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Predict request of the toy."""
    request: Any = protos.PredictRequest()
    tensor = request.inputs["x"]
    tensor.dtype = protos.DataType.Value("DT_FLOAT")
    tensor.tensor_shape.dim.add().size = 1
    tensor.float_val.append(1.0)
    file = tmp_path_factory.mktemp("request") / "request.pb"
    file.write_bytes(request.SerializeToString())
    return file


TINY = ("--clients", 1, 2, "--seconds", 0.3, "--intra-op", 1)


@dataclass(frozen=True)
class Tuned:
    """What a run of the command said, and the folder that it wrote into."""

    line: dict[str, Any]
    said: str
    out: Path


@pytest.fixture(scope="module")
def tuned(toy_models: Path, request_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """The toy measured with all cores and with one, where a batching.config lies already."""
    out = tmp_path_factory.mktemp("tuned")
    (out / "batching.config").write_text("max_batch_size { value: 9 }\n")
    done = tune(toy_models, "--request", request_file, "--out", out, *TINY)
    assert done.returncode == 0, done.stderr
    return Tuned(json.loads(done.stdout), done.stderr, out)


def test_the_command_measures_the_defaults_and_every_other_setting(tuned: Tuned) -> None:
    assert tuned.line["results"][0]["setting"] == "intra_op all, no batching"
    assert len(tuned.line["results"]) == 2


def test_a_setting_is_measured_under_every_load_without_a_failed_call(tuned: Tuned) -> None:
    for one in tuned.line["results"]:
        assert one["failed"] == 0
        assert set(one["clients"]) == {"1", "2"}
        assert all(figures["per_s"] > 0 for figures in one["clients"].values())


def test_the_flags_that_it_picked_are_written(tuned: Tuned) -> None:
    flags = (tuned.out / "serving.flags").read_text().splitlines()
    assert flags == tuned.line["flags"]
    assert flags[0] in {
        "--tensorflow_intra_op_parallelism=0",
        "--tensorflow_intra_op_parallelism=1",
    }
    assert flags[1:] == ["--enable_batching=false"], "it refuses calls of who sends pixels"


def test_without_batching_its_parameters_are_left_alone(tuned: Tuned) -> None:
    assert (tuned.out / "batching.config").read_text() == "max_batch_size { value: 9 }\n"


def test_nothing_half_written_is_left(tuned: Tuned) -> None:
    assert {path.name for path in tuned.out.iterdir()} == {"serving.flags", "batching.config"}


def test_what_was_chosen_is_said_to_people(tuned: Tuned) -> None:
    assert tuned.line["chosen"] in tuned.said


def test_a_dry_run_says_what_would_change(
    toy_models: Path, request_file: Path, tmp_path: Path
) -> None:
    done = tune(toy_models, "--request", request_file, "--out", tmp_path, "--dry-run", *TINY)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "serving.flags") in json.loads(done.stdout)["changed"]
    assert "+--tensorflow_intra_op_parallelism=" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere cannot be listed"),
        (["TOY"], "tf_serving_warmup_requests does not exist; name a request with --request"),
        (["TOY", "--out", "nowhere"], "nowhere is no directory"),
        (["TOY", "--seconds", "0"], "must be above 0"),
        (["TOY", "--intra-op", "0"], "nothing to compare"),
        (["TOY", "--batch-sizes", "0"], "must be above 0"),
    ],
)
def test_a_wrong_command_line_is_said(
    toy_models: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    words = [str(toy_models) if word == "TOY" else word for word in arguments]
    done = tune("--out", tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert message in done.stderr


def test_batching_is_not_measured_with_what_it_would_refuse(
    toy_models: Path, request_file: Path, tmp_path: Path
) -> None:
    done = tune(
        toy_models, "--request", request_file, "--out", tmp_path, "--encoded-images-only", *TINY
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "holds numbers, no encoded image" in done.stderr
