"""Versions come, fail and go while the server runs; health and the end of the process."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.running import PATIENCE_S, eventually


@pytest.fixture
def growing(
    tmp_path: Path, scaled_toys: Path, start_server: Callable[..., Any], caller: Any
) -> Any:
    """A server of one toy version, with a place to publish more: (server, call, publish)."""
    base = tmp_path / "toy"
    base.mkdir()

    def publish(number: int, source: int = 1) -> None:
        shutil.copytree(scaled_toys / str(source), tmp_path / "coming")
        (tmp_path / "coming").rename(base / str(number))

    publish(1)
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={base}",
        "--grpc_max_threads=16",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=100000",
        "--enable_grpc_healthcheck_service",
    )
    yield server, caller(server.target), publish
    server.stop()


def first(answer: Any) -> float:
    assert answer.code == "OK", answer
    return answer.response.outputs["y"].float_val[0]


def test_a_new_version_replaces_the_old(growing: Any) -> None:
    server, call, publish = growing
    assert first(call.predict([0.0])) == 2.0
    publish(2, source=2)
    eventually(lambda: first(call.predict([0.0])) == 4.0, "version 2 answering", server)
    eventually(
        lambda: call.status() == {2: ("AVAILABLE", ""), 1: ("END", "")}, "version 1 ending", server
    )
    if server.is_embedded:
        assert "toy version 2 is AVAILABLE" in server.log
    gone = call.predict([0.0], version="1")
    assert (gone.code, gone.message) == (
        "NOT_FOUND",
        "Servable not found for request: Specific(toy, 1)",
    )


def test_a_broken_version_is_reported_and_the_old_one_serves(growing: Any, tmp_path: Path) -> None:
    server, call, publish = growing
    (tmp_path / "toy" / "2").mkdir()
    eventually(lambda: call.status().get(2, ("",))[0] == "END", "version 2 failing", server)
    state, message = call.status()[2]
    assert state == "END"
    assert message == (
        "Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
        f"{tmp_path}/toy/2"
    )
    (tmp_path / "toy" / "3").mkdir()
    (tmp_path / "toy" / "3" / "saved_model.pb").write_bytes(b"not a protobuf")
    eventually(lambda: call.status().get(3, ("",))[0] == "END", "version 3 failing", server)
    assert call.status()[3][1]
    assert call.status()[1] == ("AVAILABLE", "")
    assert first(call.predict([0.0])) == 2.0
    # A version that failed is loaded when it comes back whole under the same number, once the
    # server has looked at the directory without it; the look that finds 4 is such a one.
    shutil.rmtree(tmp_path / "toy" / "3")
    publish(4, source=2)
    eventually(lambda: call.status().get(4, ("",))[0] == "AVAILABLE", "version 4 loading", server)
    shutil.rmtree(tmp_path / "toy" / "4")
    publish(3, source=3)
    eventually(lambda: first(call.predict([0.0])) == 6.0, "version 3 answering", server)


@pytest.mark.usefixtures("embedded_only")
def test_start_up_outlasts_failed_loads(
    tmp_path: Path, scaled_toys: Path, start_server: Callable[..., Any], caller: Any
) -> None:
    (tmp_path / "toy" / "1").mkdir(parents=True)
    server = start_server(
        *("--model_name=toy", f"--model_base_path={tmp_path / 'toy'}"),
        *("--max_num_load_retries=1000", "--load_retry_interval_micros=200000"),
        wait=False,
    )
    eventually(lambda: "next try in 0.2 s" in server.log, "a failed load", server)
    host, _, port = server.target.rpartition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))), "the port is open before a model is AVAILABLE"
    shutil.copytree(scaled_toys / "1", tmp_path / "toy" / "1", dirs_exist_ok=True)
    eventually(lambda: "every model is AVAILABLE" in server.log, "becoming available", server)
    call = caller(server.target)
    assert first(call.predict([0.0])) == 2.0
    # Between the tries of another broken version it is LOADING, without an error.
    tries = server.log.count("cannot be loaded")
    (tmp_path / "toy" / "2").mkdir()
    eventually(lambda: server.log.count("cannot be loaded") > tries + 1, "retries", server)
    assert call.status() == {2: ("LOADING", ""), 1: ("AVAILABLE", "")}
    (tmp_path / "toy" / "2").rmdir()
    eventually(lambda: call.status()[2][0] == "END", "giving up what is gone", server)
    assert server.stop() == 0


@pytest.mark.usefixtures("embedded_only")
def test_health_follows_the_models(growing: Any, tmp_path: Path) -> None:
    server, _, _ = growing
    serving = health_pb2.HealthCheckResponse.SERVING
    not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
    with grpc.insecure_channel(server.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def state(service: str) -> Any:
            request = health_pb2.HealthCheckRequest(service=service)
            return health.Check(request, timeout=PATIENCE_S).status

        for service in ("", "PredictionService", "ModelService"):
            assert state(service) == serving
        with pytest.raises(grpc.RpcError) as unknown:
            state("nope")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        shutil.rmtree(tmp_path / "toy" / "1")
        eventually(lambda: state("") == not_serving, "NOT_SERVING without versions", server)


# A string sent once and broadcast: about 12 MB of answer, and long enough to be running at SIGTERM.
LARGE = {
    "modelSpec": {"name": "toy", "signatureName": "length"},
    "inputs": {
        "text": {
            "dtype": "DT_STRING",
            "tensorShape": {"dim": [{"size": "3000000"}]},
            "stringVal": ["YQ=="],
        }
    },
}


@pytest.mark.usefixtures("embedded_only")
def test_sigterm_lets_running_calls_finish(growing: Any, caller: Any) -> None:
    server, _, _ = growing
    # The caller reads slowly: much of the answer has left the server and not yet arrived when the
    # server would close, and the caller's own bytes then meet a closed socket.
    with slow_line(server.target) as (target, arrived), ThreadPoolExecutor(1) as pool:
        call = caller(target)
        answer = pool.submit(call, "PredictionService/Predict", LARGE)
        eventually(lambda: sum(arrived) > 2**20, "the answer's first megabyte", server)
        assert not answer.done(), "the call was too quick to be running at SIGTERM"
        server.process.send_signal(signal.SIGTERM)
        assert answer.result(PATIENCE_S).code == "OK", answer.result()
        assert server.stop() == 0
    assert "stopped" in server.log


@contextlib.contextmanager
def running_call(server: Any, call: Any, models: Path, folder: Path) -> Iterator[Future[Any]]:
    """Keep one call under way: a reload, which waits for a model whose first version comes last.

    Args:
        server: The server, hosting ``toy``.
        call: Calls it.
        models: Base path of ``toy``, with a version 1.
        folder: Where the base path of the second model is made.
    """
    coming = folder / "coming_model"
    coming.mkdir()
    configs = [
        {"name": name, "basePath": str(path), "modelPlatform": "tensorflow"}
        for name, path in {"toy": models, "coming": coming}.items()
    ]
    request = {"config": {"modelConfigList": {"config": configs}}}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call, "ModelService/HandleReloadConfigRequest", request)
        eventually(lambda: "model coming added" in server.log, "the reload", server)
        yield running
        shutil.copytree(models / "1", folder / "version")
        (folder / "version").rename(coming / "1")
        assert running.result(PATIENCE_S).code == "OK", running.result()


@pytest.mark.usefixtures("embedded_only")
def test_a_server_that_stops_takes_no_new_calls(growing: Any, tmp_path: Path) -> None:
    server, call, _ = growing
    with running_call(server, call, tmp_path / "toy", tmp_path) as running:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in server.log, "stopping", server)
        eventually(lambda: call.predict([0.0]).code == "UNAVAILABLE", "refusing a new call", server)
        assert not running.done()
    assert server.stop() == 0


@contextlib.contextmanager
def slow_line(target: str) -> Iterator[tuple[str, list[int]]]:
    """Carry one connection to ``target``, its answers at about 50 MB/s.

    Yields:
        Where to call, and the sizes in bytes of what has come back so far.
    """
    arrived: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        line = threading.Thread(target=_carry, args=(listening, target, arrived), daemon=True)
        line.start()
        yield f"127.0.0.1:{port}", arrived


def _carry(listening: socket.socket, target: str, arrived: list[int]) -> None:
    host, port = target.split(":")
    near, _ = listening.accept()
    far = socket.create_connection((host, int(port)))

    def copy(source: socket.socket, sink: socket.socket, sizes: list[int], pause_s: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(2**16):
                sink.sendall(data)
                sizes.append(len(data))
                time.sleep(pause_s)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    there = threading.Thread(target=copy, args=(near, far, [], 0.0), daemon=True)
    there.start()
    copy(far, near, arrived, 0.001)
    there.join()
    near.close()
    far.close()


@pytest.mark.usefixtures("embedded_only")
def test_calls_above_the_limit_are_refused_at_once(
    toy_models: Path, start_server: Callable[..., Any], caller: Any, tmp_path: Path
) -> None:
    server = start_server(
        "--model_name=toy", f"--model_base_path={toy_models}", "--grpc_max_threads=1"
    )
    call = caller(server.target)
    with running_call(server, call, toy_models, tmp_path):
        refused = call.predict([1.0])
        assert (refused.code, refused.message) == (
            "RESOURCE_EXHAUSTED",
            "Server Threadpool Exhausted",
        )
    assert call.predict([1.0]).code == "OK"
    server.stop()
