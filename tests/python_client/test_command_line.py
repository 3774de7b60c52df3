"""``python -m python_client``, run as people run it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.running import PATIENCE_S


def client(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "python_client", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def photographs(tmp_path: Path) -> list[str]:
    files = []
    for name, last in (("dog.jpg", 101), ("cät.jpg", 90)):
        (tmp_path / name).write_bytes(bytes([last]))
        files.append(str(tmp_path / name))
    return files


def test_a_json_line_a_file(target: str, photographs: list[str], published_copy: Path) -> None:
    done = client("classify", "--server", target, "--contract", str(published_copy), *photographs)
    assert (done.returncode, done.stderr) == (0, "")
    assert [(line["file"], line["label"]) for line in lines(done)] == [
        (photographs[0], "dog"),
        (photographs[1], "cat"),
    ]
    dog, _ = lines(done)
    assert list(dog["probabilities"]) == ["cat", "dog"]
    assert dog["probability"] == dog["probabilities"]["dog"] == pytest.approx(0.731, abs=1e-3)
    assert "cät" in done.stdout


def test_a_file_that_fails_does_not_stop_the_others(
    target: str, photographs: list[str], serving: Any, tmp_path: Path
) -> None:
    """One call: each of its files has a line, in order, whatever became of it."""
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    serving.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "Unknown image file format.")]
    files = ["nowhere.jpg", str(empty), *photographs]
    done = client("classify", "--server", target, *files)
    assert (done.returncode, done.stderr) == (1, "")
    assert [line["file"] for line in lines(done)] == files
    missing, nothing, refused, fine = lines(done)
    assert missing == {"file": "nowhere.jpg", "error": "No such file or directory"}
    assert "received no bytes" in nothing["error"]
    assert "INVALID_ARGUMENT" in refused["error"]
    assert "Unknown image file format." in refused["error"]
    assert fine["label"] == "cat"


def test_a_server_that_cannot_be_reached(photographs: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{free.getsockname()[1]}"
    done = client("classify", "--server", target, *photographs)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"python -m python_client: UNAVAILABLE from {target}")


def test_what_concerns_every_file_is_said_once(
    target: str, photographs: list[str], serving: Any
) -> None:
    serving.failures = [(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(c)")]
    done = client("classify", "--server", target, *photographs)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "Servable not found" in done.stderr


def test_version_label_and_timeout_are_sent(
    target: str, photographs: list[str], serving: Any
) -> None:
    client("classify", "--server", target, "--version", "3", photographs[0])
    client("classify", "--server", target, "--label", "stable", "--timeout", "5", photographs[0])
    assert serving.requests[0].model_spec.version.value == 3
    assert serving.requests[1].model_spec.version_label == "stable"


def test_status(target: str) -> None:
    done = client("status", "--server", target)
    assert done.returncode == 0
    assert lines(done) == [
        {
            "model": "classifier",
            "version": 8,
            "state": "END",
            "error_code": "FAILED_PRECONDITION",
            "error": "no such variable",
        },
        {"model": "classifier", "version": 7, "state": "AVAILABLE"},
    ]


def test_metadata(target: str) -> None:
    (line,) = lines(client("metadata", "--server", target))
    assert (line["model"], line["version"]) == ("classifier", 7)
    image = line["signatures"]["serving_default"]["inputs"]["input_tensor"]
    assert image == {"dtype": "uint8", "shape": [-1, -1, -1, 3]}


def test_check(target: str, published_copy: Path, serving: Any) -> None:
    arguments = ("check", "--server", target, "--contract", str(published_copy))
    done = client(*arguments)
    assert done.returncode == 0
    assert lines(done) == [{"ok": True, "model": "classifier", "version": 7}]
    serving.classes = ["dog", "cat"]
    done = client(*arguments)
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = lines(done)
    assert line["ok"] is False
    assert "class order" in line["differences"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "COMMAND"),
        (("classify", "file.jpg"), "--server"),
        (("classify", "--server", "x:1"), "FILE"),
        (("detect", "--server", "x:1"), "FILE"),
        (("detect", "--server", "x:1", "--min-score", "2", "f.jpg"), "expected 0 to 1, received 2"),
        (("predict", "--server", "x:1"), "--model"),
        (("guess", "--server", "x:1"), "invalid choice: 'guess'"),
        (("status", "--server", "x:1", "--timeout", "0"), "timeout_s above 0"),
        (("status", "--server", "x:1", "--timeout", "soon"), "invalid float value"),
        (("status", "--server", "x:1", "--contract", "nowhere.json"), "no contract at nowhere"),
        (("status", "--server", "x:1", "--tls-ca", "nowhere.pem"), "nowhere.pem"),
        (("status", "--server", "x:1", "--tls-key", "k.pem"), "received only the key"),
        (("status", "--server", "x:1", "--version", "1", "--label", "a"), "not allowed with"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], message: str) -> None:
    done = client(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_commands() -> None:
    done = client("--help")
    assert done.returncode == 0
    for word in ("classify", "detect", "predict", "status", "metadata", "check", "JSON", "Exit 0"):
        assert word in done.stdout


def test_a_reader_that_has_seen_enough(target: str, photographs: list[str]) -> None:
    command = [sys.executable, "-m", "python_client", "classify", "--server", target]
    with subprocess.Popen(
        [*command, *photographs * 20], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 1
        assert process.stderr.read() == b""
