"""When the ports open, and what SIGTERM does at every moment of a server's life.

The model here waits for files, so that a load or a call is under way for as long as a test wants.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.running import PATIENCE_S, eventually
from tests.warm.warmth import warm_python

HERE = Path(__file__).parent
PREDICT = "/v1/models/waiting:predict"

pytestmark = pytest.mark.usefixtures("embedded_only")


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Version 1 of the model, whose load waits for ``load`` in the second folder."""
    folder = tmp_path_factory.mktemp("waiting")
    marks = folder / "marks"
    marks.mkdir()
    command = [warm_python(), str(HERE / "make_waiting.py"), str(folder / "waiting"), "1"]
    subprocess.run(
        [*command, f"--load={marks}"], check=True, capture_output=True, timeout=PATIENCE_S
    )
    return folder / "waiting", marks


@pytest.fixture
def loading(
    waiting: tuple[Path, Path], start_server: Callable[..., Any]
) -> Iterator[Callable[..., tuple[Any, Path]]]:
    """Start a server that is loading the model: ``loading(*flags)``; gives it and the marks."""
    models, marks = waiting

    def start(*flags: str) -> tuple[Any, Path]:
        for mark in marks.iterdir():
            mark.unlink()
        server = start_server(
            "--model_name=waiting",
            f"--model_base_path={models}",
            "--enable_grpc_healthcheck_service",
            # Waiting calls are busy ones: with a thread a core they would keep others from theirs.
            "--tensorflow_inter_op_parallelism=8",
            "--rest_api_timeout_in_ms=0",
            *flags,
            rest=True,
            wait=False,
        )
        eventually((marks / "load.begun").exists, "loading", server)
        return server, marks

    yield start
    (marks / "load").touch()


def address(text: str) -> tuple[str, int]:
    host, _, port = text.removeprefix("http://").rpartition(":")
    return host, int(port)


def accepts(text: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address(text)) == 0


def ask_grpc(call: Any, path: Path) -> Any:
    text = {"dtype": "DT_STRING", "tensorShape": {}, "stringVal": [b64(path)]}
    request = {"modelSpec": {"name": "waiting"}, "inputs": {"path": text}}
    return call("PredictionService/Predict", request, timeout=PATIENCE_S)


def b64(path: Path) -> str:
    return base64.b64encode(str(path).encode()).decode()


def ask_rest(connection: http.client.HTTPConnection, path: Path) -> tuple[int, Any]:
    connection.request("POST", PREDICT, json.dumps({"inputs": {"path": str(path)}}))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@contextlib.contextmanager
def under_way(call: Callable[..., Any], *arguments: Any) -> Iterator[Future[Any]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call, *arguments)


def test_a_life_from_refused_connections_to_finished_calls(
    loading: Any, caller: Any, tmp_path: Path
) -> None:
    """One story: each step needs the server in the state in which the one before has left it."""
    server, marks = loading()
    assert not accepts(server.target)
    assert not accepts(server.rest)
    (marks / "load").touch()
    eventually(lambda: accepts(server.target) and accepts(server.rest), "opening the ports", server)
    (tmp_path / "there").touch()
    call = caller(server.target)
    assert ask_grpc(call, tmp_path / "there").code == "OK"
    health = health_pb2_grpc.HealthStub(call.channel)

    def state() -> Any:
        return health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S).status

    assert state() == health_pb2.HealthCheckResponse.SERVING
    kept = http.client.HTTPConnection(*address(server.rest), timeout=PATIENCE_S)
    busy = http.client.HTTPConnection(*address(server.rest), timeout=PATIENCE_S)
    with contextlib.closing(kept), contextlib.closing(busy):
        assert ask_rest(kept, tmp_path / "there") == (200, {"outputs": 1})
        with (
            under_way(ask_grpc, call, tmp_path / "grpc") as over_grpc,
            under_way(ask_rest, busy, tmp_path / "rest") as over_rest,
        ):
            for name in ("grpc", "rest"):
                eventually((tmp_path / f"{name}.begun").exists, f"the call over {name}", server)
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: not accepts(server.rest), "closing the REST port", server)
            stopping = {
                "gRPC": ask_grpc(call, tmp_path / "there").code,
                "health": state(),
                "REST": ask_rest(kept, tmp_path / "there"),
                "finished": [over_grpc.done(), over_rest.done()],
            }
            assert stopping == {
                "gRPC": "UNAVAILABLE",
                "health": health_pb2.HealthCheckResponse.NOT_SERVING,
                "REST": (503, {"error": "The server is stopping"}),
                "finished": [False, False],
            }
            (tmp_path / "rest").touch()
            assert over_rest.result(PATIENCE_S) == (200, {"outputs": 1})
            (tmp_path / "grpc").touch()
            assert over_grpc.result(PATIENCE_S).code == "OK"
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_what_does_not_finish_does_not_keep_the_process(
    loading: Any, waiting: tuple[Path, Path], caller: Any, tmp_path: Path
) -> None:
    server, marks = loading("--stop_grace_seconds=1")
    (marks / "load").touch()
    eventually(lambda: accepts(server.target), "opening the port", server)
    call = caller(server.target)
    (tmp_path / "there").touch()
    assert ask_grpc(call, tmp_path / "there").code == "OK"
    (marks / "load.begun").unlink()
    (marks / "load").unlink()
    with under_way(ask_grpc, call, tmp_path / "never") as endless:
        eventually((tmp_path / "never.begun").exists, "the call", server)
        shutil.copytree(waiting[0] / "1", tmp_path / "2")
        (tmp_path / "2").rename(waiting[0] / "2")
        try:
            eventually((marks / "load.begun").exists, "loading version 2", server)
        finally:
            shutil.rmtree(waiting[0] / "2")
        assert not endless.done()
        assert server.stop() == 0
        assert endless.result(PATIENCE_S).code in ("UNAVAILABLE", "CANCELLED")
    assert "1 calls did not finish within --stop_grace_seconds=1" in server.log
    assert "Traceback" not in server.log


def test_a_start_up_that_is_stopped_while_loading(loading: Any) -> None:
    server, _ = loading()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_S) == 0
    assert "stopped before every model was AVAILABLE" in server.log
    assert "Traceback" not in server.log


def test_a_start_up_that_is_stopped_while_importing(
    tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    server = start_server(f"--model_base_path={tmp_path}", wait=False, cold=True)
    eventually(lambda: "server: embedded" in server.log, "the first line", server)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE_S) == 0
    assert "Traceback" not in server.log
