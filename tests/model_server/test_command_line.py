"""Flags and configuration files: what is wrong, where, and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import PATIENCE_S

BASE = "--model_base_path=/models/m"


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_server", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


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
        (
            "# ours\ncustom_model_config { type_url: 'x' }\n",
            ":2: ",
            "ModelServer does not yet support custom model config.",
        ),
        (
            "model_config_list {\n"
            " config { name: 'a' base_path: '/a' model_platform: 'tensorflow'\n"
            "  logging_config { log_collector_config { type: 'nope' } }\n }\n}\n",
            ":3: ",
            "No request-logger-creator provided.",
        ),
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


def test_versions_are_printed_in_tensorflow_servings_form() -> None:
    result = run("--version")
    assert result.returncode == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("TensorFlow ModelServer: embedded, vision-forge ")
    assert re.fullmatch(r"TensorFlow Library: \d+\.\d+\.\d+", second)


def test_a_relative_base_path_is_refused_as_there() -> None:
    result = run("--model_base_path=models/m")
    assert result.returncode == 2
    assert (
        "Expected model default to have an absolute path or URI; got base_path()=models/m"
        in result.stderr
    )


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
