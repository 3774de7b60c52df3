"""``--processes``: one server of several, its crashes, its models, its metrics and its end."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

import protos
from model_server.processes.supervisor import merge_status
from tests.running import PATIENCE_S, eventually, metrics_of
from tests.warm.warmth import warm_python

pytestmark = [pytest.mark.usefixtures("embedded_only"), pytest.mark.long]

PROCESSES = 3


@pytest.fixture
def models(tmp_path: Path, scaled_lite_toys: Path) -> Path:
    """Version 1 of the toy, which adds 2; 2 and 3 add 4 and 6."""
    base = tmp_path / "toy"
    base.mkdir()
    shutil.copytree(scaled_lite_toys / "1", base / "1")
    return base


@pytest.fixture
def server(models: Path, tmp_path: Path, start_server: Callable[..., Any]) -> Iterator[Any]:
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    running = start_server(
        *("--model_name=toy", f"--model_base_path={models}", "--runtime=litert"),
        *(f"--processes={PROCESSES}", f"--monitoring_config_file={monitoring}"),
        *("--request_log=all", "--max_num_load_retries=-1"),
        rest=True,
        cold=True,  # the process that is started is the supervisor itself
    )
    all_serve(running)
    yield running
    running.stop()


def all_serve(server: Any, times: int = 1) -> None:
    """Wait until the server has said so many times that all of its processes serve."""
    said = f"{PROCESSES} of {PROCESSES} processes serve"
    eventually(lambda: server.log.count(said) == times, said, server)
    listening = "REST: listening"
    eventually(lambda: server.log.count(listening) >= PROCESSES + times - 1, "listening", server)


def pids(server: Any) -> dict[int, int]:
    """Return the process id of each of the server's processes that lives, by its number."""
    threads = Path(f"/proc/{server.process.pid}/task").iterdir()
    children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
    found = {}
    for pid in map(int, children):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        found[int(words[words.index(b"model_server.worker") + 2])] = pid
    return found


def ask(caller: Any, server: Any, connections: int, **spec: Any) -> list[Any]:
    """Ask once over each of so many connections of their own."""

    def one(_: int) -> Any:
        channel = grpc.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)])
        with channel:
            return caller(server.target, channel).predict([0.0], **spec)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(connections)))


def values(answers: list[Any]) -> set[float]:
    assert {answer.code for answer in answers} == {"OK"}, answers
    return {round(answer.response.outputs["y"].float_val[0], 4) for answer in answers}


def answered_by(server: Any) -> Counter[str]:
    return Counter(
        re.findall(r"INFO \[(\d+)\] model_server\.observation: .*\"Predict\"", server.log)
    )


def reload(call: Any, base_path: Path, name: str = "toy") -> Any:
    one = {"name": name, "basePath": str(base_path), "modelPlatform": "tensorflow"}
    request = {"config": {"modelConfigList": {"config": [one]}}}
    return call("ModelService/HandleReloadConfigRequest", request)


def test_connections_are_shared_among_the_processes(server: Any, caller: Any) -> None:
    assert values(ask(caller, server, 60)) == {2.0}
    eventually(lambda: sum(answered_by(server).values()) == 60, "sixty lines", server)
    assert answered_by(server).keys() == {str(number + 1) for number in range(PROCESSES)}


def test_a_process_that_crashes_is_started_again_and_the_others_answer(
    server: Any, caller: Any
) -> None:
    stopped = threading.Event()
    seen: list[Any] = []

    def keep_asking() -> None:
        while not stopped.is_set():
            seen.extend(ask(caller, server, 4))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        eventually(lambda: len(seen) > 20, "answers", server)
        before = pids(server)
        os.kill(before[2], signal.SIGSEGV)
        all_serve(server, times=2)
        count = len(seen)
        eventually(lambda: len(seen) > count + 20, "more answers", server)
    finally:
        stopped.set()
        asking.join()
    assert "process 2 ended by SIGSEGV: it is started again" in server.log
    assert re.search(r'File ".*model_server/\w+\.py", line \d+', server.log), "where it was"
    after = pids(server)
    assert after.keys() == before.keys()
    assert {number for number in before if before[number] != after[number]} == {2}
    # Only calls that the process had begun, or connections that it had not yet taken, are lost.
    codes = Counter(answer.code for answer in seen)
    assert codes.keys() <= {"OK", "UNAVAILABLE"}
    assert codes["UNAVAILABLE"] <= 8
    assert values(ask(caller, server, 30)) == {2.0}


def test_a_new_list_of_models_is_in_force_everywhere_when_it_is_answered(
    server: Any, caller: Any, scaled_lite_toys: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(scaled_lite_toys / "2", other / "7")
    answer = reload(caller(server.target), other)
    assert answer.code == "OK", answer
    # The model was there before under another path: what is on disk there is loaded meanwhile.
    eventually(lambda: caller(server.target).status().get(7, ("",))[0] == "AVAILABLE", "7", server)
    assert values(ask(caller, server, 40)) == {4.0}


def test_a_new_model_is_available_everywhere_when_the_reload_is_answered(
    server: Any, caller: Any, scaled_lite_toys: Path
) -> None:
    assert reload(caller(server.target), scaled_lite_toys, "grown").code == "OK"
    answers = ask(caller, server, 40, name="grown")
    assert values(answers) == {6.0}
    assert {answer.code for answer in ask(caller, server, 40)} == {"NOT_FOUND"}


def test_a_refused_list_changes_nothing_anywhere(server: Any, caller: Any) -> None:
    answer = reload(caller(server.target), Path("relative"))
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.message.startswith("Expected model toy to have an absolute path or URI")
    assert values(ask(caller, server, 30)) == {2.0}


def test_a_process_that_is_started_again_has_the_list_of_the_others(
    server: Any, caller: Any, scaled_lite_toys: Path
) -> None:
    assert reload(caller(server.target), scaled_lite_toys, "grown").code == "OK"
    for number, pid in pids(server).items():
        if number != 1:
            os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: server.log.count(f"{PROCESSES} of {PROCESSES} processes serve") >= 2,
        "both coming back",
        server,
    )
    eventually(lambda: server.log.count("REST: listening") == PROCESSES + 2, "listening", server)
    assert values(ask(caller, server, 40, name="grown")) == {6.0}


def test_metrics_are_those_of_all_processes_whoever_is_asked(server: Any, caller: Any) -> None:
    ask(caller, server, 30)
    toy = '{model_name="toy",'
    name = f':tensorflow:serving:request_count{toy}status="OK"}}'
    assert {metrics_of(server)[name] for _ in range(10)} == {30}
    latency = f':tensorflow:serving:request_latency_count{toy}API="Predict",entrypoint="GRPC"}}'
    assert metrics_of(server)[latency] == 30
    os.kill(pids(server)[3], signal.SIGKILL)
    all_serve(server, times=2)
    assert metrics_of(server)[name] == 30, "what a process that is gone had counted"
    ask(caller, server, 20)
    assert metrics_of(server)[name] == 50


def test_a_new_version_comes_to_all_processes(
    server: Any, caller: Any, models: Path, scaled_lite_toys: Path, tmp_path: Path
) -> None:
    shutil.copytree(scaled_lite_toys / "2", tmp_path / "coming")
    (tmp_path / "coming").rename(models / "2")
    call = caller(server.target)
    eventually(lambda: call.status().get(2, ("",))[0] == "AVAILABLE", "version 2", server)
    # Available is what it is everywhere: nobody is sent to a process that has not loaded it.
    assert values(ask(caller, server, 40, version="2")) == {4.0}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_processes_end_in_order(server: Any, number: int) -> None:
    children = pids(server)
    assert len(children) == PROCESSES
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE_S) == 0, server.log
    assert server.log.count("model_server.application: stopped") == PROCESSES
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())


def test_the_processes_do_not_outlive_their_supervisor(server: Any) -> None:
    children = pids(server)
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in children.values()):
        assert time.monotonic() < deadline, server.log
        time.sleep(0.02)


def test_a_running_call_is_finished(
    waiting_server: tuple[Any, Path], caller: Any, tmp_path: Path
) -> None:
    server, _ = waiting_server
    path = tmp_path / "call"
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(_wait_for_file, caller(server.target), path)
        eventually(path.with_suffix(".begun").exists, "the call", server)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping: no new calls" in server.log, "stopping", server)
        path.touch()
        assert call.result(PATIENCE_S).code == "OK"
    assert server.process.wait(PATIENCE_S) == 0


@pytest.fixture
def waiting_server(tmp_path: Path, start_server: Callable[..., Any]) -> tuple[Any, Path]:
    """Two processes of a model whose calls wait for a file, in TensorFlow."""
    base = tmp_path / "waiting"
    program = Path(__file__).with_name("make_waiting.py")
    subprocess.run(
        [warm_python(), str(program), str(base), "1"],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    server = start_server("--model_name=waiting", f"--model_base_path={base}", "--processes=2")
    eventually(lambda: "2 of 2 processes serve" in server.log, "both", server)
    return server, base


def _wait_for_file(call: Any, path: Path) -> Any:
    text = base64.b64encode(str(path).encode()).decode()
    tensor = {"dtype": "DT_STRING", "tensorShape": {}, "stringVal": [text]}
    request = {"modelSpec": {"name": "waiting"}, "inputs": {"path": tensor}}
    return call("PredictionService/Predict", request, timeout=PATIENCE_S)


def test_what_keeps_it_from_starting_is_said_once(
    tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    (tmp_path / "toy" / "1").mkdir(parents=True)
    server = start_server(
        *("--model_name=toy", f"--model_base_path={tmp_path / 'toy'}", "--runtime=litert"),
        *("--processes=3", "--max_num_load_retries=-1"),
        wait=False,
    )
    assert server.process.wait(PATIENCE_S) == 1
    assert server.log.count("Failed to start server. Error: 1 servable(s) did not become") == 1


def test_when_none_can_serve_any_more_the_server_ends(server: Any, models: Path) -> None:
    for file in (models / "1").rglob("*"):
        file.unlink()
    for pid in pids(server).values():
        os.kill(pid, signal.SIGKILL)
    assert server.process.wait(PATIENCE_S) == 1, server.log
    assert "Failed to start server. Error: 1 servable(s) did not become available" in server.log


def test_nobody_else_gets_the_port(server: Any, models: Path) -> None:
    port = server.target.rpartition(":")[2]
    second = subprocess.run(
        [
            *(sys.executable, "-m", "model_server", f"--port={port}", "--processes=2"),
            *("--model_name=toy", f"--model_base_path={models}"),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == 1
    assert f"cannot listen on port {port} for gRPC: is the port taken?" in second.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--processes=0"], "--processes expects 1 to 256, received 0"),
        (
            ["--processes=2", "--grpc_socket_path=/tmp/s"],
            "--grpc_socket_path belongs to one process",
        ),
    ],
)
def test_what_cannot_be_is_refused(flags: list[str], message: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "model_server", "--model_base_path=/models/toy", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 2
    assert message in ran.stderr


def test_a_port_that_is_not_shared_is_refused_to_a_server_of_one_process(server: Any) -> None:
    with socket.socket() as probe, pytest.raises(OSError, match="in use"):
        probe.bind(("0.0.0.0", int(server.target.rpartition(":")[2])))  # noqa: S104


@pytest.mark.parametrize(
    ("each", "together"),
    [
        ([{1: "AVAILABLE"}, {1: "AVAILABLE"}], {1: "AVAILABLE"}),
        ([{1: "AVAILABLE"}, {1: "LOADING"}], {1: "LOADING"}),
        ([{1: "START"}, {1: "LOADING"}], {1: "START"}),
        ([{1: "LOADING"}, {1: "END"}], {1: "LOADING"}),
        ([{1: "AVAILABLE"}, {1: "UNLOADING"}], {1: "UNLOADING"}),
        ([{1: "AVAILABLE"}, {1: "END"}], {1: "END"}),
        (
            [{2: "LOADING", 1: "AVAILABLE"}, {2: "AVAILABLE", 1: "UNLOADING"}],
            {2: "LOADING", 1: "UNLOADING"},
        ),
        # One has not looked yet; one was started after the others had unloaded it.
        ([{1: "AVAILABLE"}, {2: "AVAILABLE", 1: "AVAILABLE"}], {2: "START", 1: "AVAILABLE"}),
        ([{1: "END", 2: "AVAILABLE"}, {2: "AVAILABLE"}], {2: "AVAILABLE", 1: "END"}),
        ([{1: "AVAILABLE"}, None], {1: "START"}),
    ],
)
def test_a_version_is_as_far_as_the_last_process(
    each: list[dict[int, str] | None], together: dict[int, str]
) -> None:
    def answer(states: dict[int, str]) -> Any:
        entries = [{"version": str(n), "state": state} for n, state in states.items()]
        return json_format.ParseDict(
            {"model_version_status": entries}, protos.GetModelStatusResponse()
        )

    merged = merge_status([answer(states) for states in each if states], len(each))
    assert list(merged.model_version_status) == list(answer(together).model_version_status)
