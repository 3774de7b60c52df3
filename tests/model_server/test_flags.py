"""Every flag of TensorFlow Serving is known: honoured, or refused unless it keeps its default."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from model_server import flag_table, options
from model_server.errors import UsageError
from model_server.flags import State
from model_server.parsing import known_values, parse

HERE = Path(__file__).parent
REPO = HERE.parents[1]
RECORDED = json.loads((HERE / "recorded" / "tensorflow_serving_flags.json").read_text())
BASE = "--model_base_path=/models/m"
CORES = len(os.sched_getaffinity(0))

# A value that is not the default, of each kind.
OTHER: dict[str, Any] = {"int32": 3, "int64": 3, "float": 0.5, "string": "other"}


def default_of(recorded: dict[str, Any]) -> Any:
    default = recorded["default"]
    return int(default["per_core"] * CORES) if isinstance(default, dict) else default


@pytest.mark.parametrize("recorded", RECORDED["flags"], ids=lambda flag: flag["name"])
def test_a_flag_of_tensorflow_serving_is_known(recorded: dict[str, Any]) -> None:
    known = options.FLAGS[recorded["name"]]
    assert known.kind == recorded["kind"]
    assert known.default == default_of(recorded)
    assert known.state is not State.OWN
    at_default = str(known.default).lower() if known.kind == "bool" else known.default
    parse([BASE, f"--{known.name}={at_default}", BASE])
    other = str(not known.default).lower() if known.kind == "bool" else OTHER[known.kind]
    if known.state is State.DEFAULT_ONLY:
        with pytest.raises(UsageError) as refused:
            parse([BASE, f"--{known.name}={other}"])
        assert f"--{known.name} is a flag of tensorflow_model_server" in str(refused.value)
        assert known.text in str(refused.value)
    else:
        needed = ["--enable_batching"] if known.name == "batching_parameters_file" else []
        parsed = parse([BASE, *needed, f"--{known.name}={other}"])
        assert str(getattr(parsed, known.name)).lower() == str(other)


def test_there_are_no_others_but_ours() -> None:
    assert set(options.FLAGS) - options.OWN_FLAGS == {flag["name"] for flag in RECORDED["flags"]}
    assert len(RECORDED["flags"]) == 48


def test_the_documents_table_is_the_codes() -> None:
    text = (REPO / "docs" / "serving_flags.md").read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines(keepends=True) if line.startswith("|"))
    assert table == flag_table.markdown(), "write it anew: python -m model_server.flag_table"


def test_help_lists_every_flag_with_its_state() -> None:
    text = flag_table.usage()
    sections = dict(zip(State, text.split("\nFlags ")[1:], strict=True))
    for known in options.FLAGS.values():
        assert f"  --{known.name}=" in sections[known.state], known


@pytest.mark.parametrize("text", ["", "=true", "=True", "=TRUE", "=1"])
def test_what_a_boolean_takes_for_true(text: str) -> None:
    assert parse([BASE, f"--enable_batching{text}"]).enable_batching


@pytest.mark.parametrize("text", ["=false", "=False", "=0"])
def test_what_a_boolean_takes_for_false(text: str) -> None:
    assert not parse([BASE, f"--enable_model_warmup{text}"]).enable_model_warmup


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--prot=1"], "unknown flag --prot; did you mean --port?"),
        (["--port=many"], "--port expects a whole number, received 'many'"),
        (["--port=1_000"], "--port expects a whole number, received '1_000'"),
        (["--port=70000"], "--port expects 0 to 65535, received 70000"),
        (["--port", "9000"], "--port needs a value after an equals sign: --port=8500"),
        (["--enable_batching=maybe"], "--enable_batching expects true or false, received 'maybe'"),
        (["--enable_batching", "false"], "'false' is not a flag"),
        (["--noenable_batching"], "have no such form; write --enable_batching=false"),
        (["--noport"], "unknown flag --noport"),
        (["-port=8500"], "'-port=8500' is not a flag"),
        (["serve"], "'serve' is not a flag"),
        (["--model_name"], "--model_name needs a value"),
        (["--max_num_load_retries=2147483648"], "expects -2147483648 to 2147483647"),
        (["--load_retry_interval_micros=9223372036854775808"], "to 9223372036854775807"),
        (["--per_process_gpu_memory_fraction=x"], "expects a number, received 'x'"),
        (["--grpc_max_threads=0"], "--grpc_max_threads expects 1 to 2147483647, received 0"),
        (["--request_log=some"], "--request_log expects none, errors or all, received 'some'"),
        (["--port=0"], "--port=0 needs --grpc_socket_path"),
        (["--rest_api_port=8500"], "--rest_api_port cannot be the same as --port"),
        (["--batching_parameters_file=x"], "--batching_parameters_file needs --enable_batching"),
        (["--model_base_path="], "no model to serve"),
        (
            [f"--tensorflow_{kind}_parallelism=2" for kind in ("session", "intra_op", "inter_op")],
            "You cannot configure all.",
        ),
    ],
)
def test_a_wrong_flag_is_named(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([BASE, *flags])
    assert message in str(caught.value)


def test_the_last_of_two_counts() -> None:
    assert parse([BASE, "--port=9000", "--port=9001"]).port == 9001


@pytest.mark.parametrize(
    ("flags", "intra_op", "inter_op"),
    [
        ([], 0, 0),
        (["session=3"], 3, 3),
        (["session=3", "intra_op=1"], 1, 0),  # as in server.cc: the session's is then ignored
        (["session=3", "inter_op=2"], 0, 2),
        (["intra_op=-1", "inter_op=-1"], 0, 0),
        (["session=3", "intra_op=-1"], 3, 3),
    ],
)
def test_threads_of_a_session(flags: list[str], intra_op: int, inter_op: int) -> None:
    parsed = parse(
        [BASE, *(f"--tensorflow_{kind}_parallelism={n}" for kind, _, n in map(_parts, flags))]
    )
    assert (parsed.intra_op_threads, parsed.inter_op_threads) == (intra_op, inter_op)


def _parts(text: str) -> tuple[str, str, str]:
    return text.partition("=")


@pytest.mark.parametrize(
    ("given", "retries"),
    [("5", 5), ("0", 0), ("-1", 0), ("-2", 2**32 - 2), ("2147483647", 2**31 - 1)],
)
def test_retries_are_counted_without_a_sign(given: str, retries: int) -> None:
    assert parse([BASE, f"--max_num_load_retries={given}"]).load_retries == retries


def test_what_is_off_below_zero_is_accepted() -> None:
    for name in (
        "file_system_poll_wait_seconds",
        "model_config_file_poll_wait_seconds",
        "rest_api_timeout_in_ms",
        "num_request_iterations_for_warmup",
        "load_retry_interval_micros",
    ):
        assert getattr(parse([BASE, f"--{name}=-1"]), name) == -1
    assert parse([BASE, "--load_retry_interval_micros=9000000000000"])


def test_another_server_judges_its_own_flags() -> None:
    seen = known_values(["--port=9000", "--rest_api_port=many", "--new=1", "--prefer_tflite_model"])
    assert (seen["port"], seen["rest_api_port"]) == (9000, 0)
    assert seen["prefer_tflite_model"] is True
