"""Hostile input: generated requests to every RPC and route, and odd things in a model folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parent.parent.parent


@pytest.mark.long
@pytest.mark.parametrize(
    ("checked", "runtime"), [("true", "tensorflow"), ("auto", "tensorflow"), ("auto", "litert")]
)
def test_generated_requests_get_the_right_code(
    start_server: Callable[..., Any],
    checked: str,
    runtime: str,
    request: pytest.FixtureRequest,
) -> None:
    if (checked, runtime) != ("auto", "tensorflow"):
        request.getfixturevalue("embedded_only")  # TensorFlow Serving has neither
    toys = request.getfixturevalue("toy_models" if runtime == "tensorflow" else "lite_toys")
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toys}",
        *(["--runtime=litert"] if runtime == "litert" else []),
        "--grpc_max_threads=16",
        "--request_log=none",
        f"--check_signature_shapes={checked}",
        rest=True,
        cold=True,  # its memory is looked at, by the process's number
    )
    result = subprocess.run(
        [
            *(sys.executable, str(REPO / "benchmarks" / "fuzz_server.py"), "--requests=1500"),
            *(f"--target={server.target}", f"--rest={server.rest.removeprefix('http://')}"),
            *([f"--pid={server.process.pid}"] if server.is_embedded else []),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=REPO,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["requests"] >= 1500
    if server.is_embedded:  # of another one only the launcher's process is known
        assert report["resident_mb_after"] < report["resident_mb_before"] + 300
    assert server.process.poll() is None
    assert server.stop() == 0


def test_what_lies_in_a_model_folder_does_no_harm(
    tmp_path: Path, scaled_toys: Path, start_server: Callable[..., Any], caller: Any
) -> None:
    base = tmp_path / "toy"
    base.mkdir()
    (base / "1").symlink_to(scaled_toys / "1")  # out of the folder, as mounted volumes do it
    (base / "2.tmp").mkdir()  # a publisher that was killed in the middle
    (base / ".3").mkdir()
    (base / "notes.txt").write_text("not a version")
    (base / "٤").mkdir()  # a digit, but not one of a version
    (base / "99999999999999999999").mkdir()  # more than 64 bits
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={base}",
        "--max_num_load_retries=0",
        "--file_system_poll_wait_seconds=1",
    )
    call = caller(server.target)
    assert call.status() == {1: ("AVAILABLE", "")}

    def ended(version: int) -> str:
        """Wait until a version is given up; return why."""
        deadline = time.monotonic() + PATIENCE_S
        while call.status().get(version, ("", ""))[0] != "END":
            assert server.process.poll() is None, server.log
            assert time.monotonic() < deadline, server.log
            time.sleep(0.1)
        return str(call.status()[version][1])

    (base / "4").write_text("a file, not a directory")
    (base / "5").symlink_to(tmp_path / "nowhere")
    loop = base / "6"
    loop.symlink_to(loop)
    (base / "7").mkdir()
    (base / "7" / "saved_model.pb").mkdir()
    (base / "8").mkdir()
    # Opening it fails for everybody, root as well.
    os.mknod(base / "8" / "saved_model.pb", stat.S_IFSOCK | 0o600)
    assert ended(8) == (
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {base / '8'}"
    )
    (base / "9").mkdir()
    (base / "9" / "saved_model.pb").write_bytes(b"x")
    assert ended(9).startswith(f"{base / '9'} cannot be loaded: OSError: Cannot parse file ")
    assert call.predict([0.0]).response.outputs["y"].float_val[0] == 2.0
    assert server.stop() == 0
