"""Flags and configuration files: what is wrong, where, and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model_server import options
from model_server.errors import UsageError

BASE = "--model_base_path=/models/m"


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_server", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_flags_in_every_form() -> None:
    parsed = options.parse(
        [
            "--port=9000",
            "--model_name",
            "toy",
            BASE,
            "--enable_grpc_healthcheck_service",
            "--check_signature_shapes=true",
            "--enable_model_warmup=false",
            "--allow_version_labels_for_unavailable_models=true",
        ]
    )
    assert (parsed.port, parsed.model_name) == (9000, "toy")
    assert parsed.enable_grpc_healthcheck_service
    assert parsed.check_signature_shapes == "true"
    assert not parsed.enable_model_warmup
    assert parsed.allow_version_labels_for_unavailable_models


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--prot=1", BASE], "unknown flag --prot; did you mean --port?"),
        (["--port=many", BASE], "--port expects a whole number, received 'many'"),
        (["--port=70000", BASE], "--port expects 0 to 65535, received 70000"),
        (["--check_signature_shapes=maybe", BASE], "expects auto, true or false, received 'maybe'"),
        (["--noport", BASE], "unknown flag --noport"),
        (["serve", BASE], "'serve' is not a flag"),
        ([BASE, "--model_name"], "--model_name needs a value"),
        ([], "no model to serve"),
        (["--prefer_tflite_model", BASE], "--prefer_tflite_model is a flag of tensorflow_model"),
        (
            [
                "--tensorflow_session_parallelism=2",
                "--tensorflow_intra_op_parallelism=1",
                BASE,
            ],
            "give either it or",
        ),
    ],
)
def test_a_wrong_flag_is_named(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError, match="^.*" + message.replace("?", r"\?")):
        options.parse(flags)


def test_an_unknown_flag_ends_with_exit_code_2() -> None:
    result = run("--prot=1", BASE)
    assert result.returncode == 2
    assert "unknown flag --prot; did you mean --port?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("model_config_list {\n  config {\n    nome: 'x'\n", ":3:5: ", "nome"),
        ("model_config_list {\n  config {\n", ":2:10: ", 'Expected "}"'),
        ("", ":1: ", "expected a model_config_list"),
        (
            "model_config_list {\n config {\n  name: 'a'\n  base_path: 'rel'\n"
            "  model_platform: 'tensorflow'\n }\n}\n",
            ":3: ",
            "Expected model a to have an absolute path or URI; got base_path()=rel",
        ),
        (
            "model_config_list {\n"
            " config { name: 'a' base_path: '/a' model_platform: 'tensorflow' }\n"
            " config { name: 'a' base_path: '/b' model_platform: 'tensorflow' }\n}\n",
            ":3: ",
            "Illegal to list model a multiple times in config list",
        ),
        (
            "model_config_list {\n config { name: 'a' base_path: '/a' }\n}\n",
            ":",
            "Illegal setting neither",
        ),
    ],
)
def test_a_broken_config_file_is_named_with_its_line(
    tmp_path: Path, text: str, place: str, message: str
) -> None:
    config = tmp_path / "models.config"
    config.write_text(text)
    result = run(f"--model_config_file={config}")
    assert result.returncode == 2
    assert f"{config}{place}" in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_config_file_is_said() -> None:
    result = run("--model_config_file=/nowhere/models.config")
    assert result.returncode == 2
    assert "/nowhere/models.config: cannot be read: No such file or directory" in result.stderr


def test_a_model_that_does_not_load_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    flags = ["--max_num_load_retries=0", "--model_name=m", f"--model_base_path={tmp_path}/m"]
    result = run("--port=18599", *flags)
    assert result.returncode == 1
    assert "Failed to start server. Error: 1 servable(s) did not become available" in result.stderr
    assert "Could not find SavedModel" in result.stderr
