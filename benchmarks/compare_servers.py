"""Servers side by side: the same request, in turns, in ratios.

    python benchmarks/compare_servers.py NAME=HOST:PORT[@PID] … --model NAME --image FILE
                                         [--clients 1 8] [--rounds 5] [--seconds 2] [--rate N]
    python benchmarks/compare_servers.py toy=localhost:8500@PID --echo --model toy --floats 1 2 5

Any server that speaks TensorFlow Serving's gRPC API. A shared machine is slow in one moment and
quick in the next, so every round measures all servers, one after the other, and what counts are the
ratios to the first within a round: their median, lowest and highest. ``--echo`` adds a server in
Python that returns an empty answer: what its gRPC costs alone.

Each client is a process of its own that sends bytes made beforehand and reads none of the answer;
``client_cpu`` says what that costs. Without ``--rate`` it calls without pause (closed loop); with
it, calls begin at times fixed beforehand, N a second in all, and the latency counts from that time,
whether or not the server keeps up (open loop). With PID (of the server's first process; what it
starts counts too) the server's processor seconds a thousand requests, and its resident memory. One
JSON line a server and number of clients.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from pathlib import Path

import grpc
import numpy as np

import protos
from python_client import tensors
from serving_config.tensor_names import IMAGE_BYTES, SERVING_BYTES

METHOD = "/tensorflow.serving.PredictionService/Predict"
_TIMEOUT_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Server:
    """A server, and what the rounds gave so far, by number of clients."""

    name: str
    target: str
    pid: int | None
    rounds: dict[int, list[Round]] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """What one round of one server gave.

    Attributes:
        p50_ms: Median latency.
        p99_ms: The latency that 99 of 100 calls stay below.
        per_s: Answers a second.
        failed: Calls that were not answered with OK.
        client_cpu: The clients' processor seconds a thousand requests.
        server_cpu: The server's; None where its process is not known.
        resident_mb: Its memory; None likewise.
    """

    p50_ms: float
    p99_ms: float
    per_s: float
    failed: int
    client_cpu: float
    server_cpu: float | None
    resident_mb: float | None


def main() -> None:
    """Measure, and print JSON lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="+", metavar="NAME=HOST:PORT[@PID]", type=_server)
    parser.add_argument("--echo", action="store_true", help="add Python's gRPC alone")
    parser.add_argument("--model", required=True, help="the model's name on the servers")
    request = parser.add_mutually_exclusive_group(required=True)
    request.add_argument("--image", type=Path, help="a JPEG or PNG file")
    request.add_argument("--floats", type=float, nargs="+", help='values of the input "x"')
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round and a server")
    parser.add_argument("--rate", type=float, help="calls a second of all clients together")
    arguments = parser.parse_args()
    payload = _payload(arguments)
    context = multiprocessing.get_context("spawn")
    servers: list[Server] = list(arguments.servers)
    with _echo(context, arguments.echo) as echo, context.Pool(max(arguments.clients)) as pool:
        servers += echo
        for clients in arguments.clients:
            for number in range(-1, arguments.rounds):
                # Backwards every second time, so that nobody always comes after the same one.
                for server in servers if number % 2 else reversed(servers):
                    found = _round(server, payload, clients, arguments, pool)
                    if number >= 0:  # the first is for caches and queues
                        server.rounds.setdefault(clients, []).append(found)
            for server in servers:
                line = _summary(server.rounds[clients], servers[0].rounds[clients])
                said = {"server": server.name, "clients": clients, "rate": arguments.rate, **line}
                print(json.dumps(said), flush=True)


def _server(text: str) -> Server:
    name, _, address = text.partition("=")
    target, _, pid = address.partition("@")
    if not name or ":" not in target:
        raise argparse.ArgumentTypeError(f"expected NAME=HOST:PORT or NAME=HOST:PORT@PID: {text!r}")
    return Server(name, target, int(pid) if pid else None)


def _payload(arguments: argparse.Namespace) -> bytes:
    request = protos.PredictRequest()
    request.model_spec.name = arguments.model
    if arguments.image:
        request.model_spec.signature_name = SERVING_BYTES
        file = np.array([arguments.image.read_bytes()], object)
        tensors.encode(file, request.inputs[IMAGE_BYTES])
    else:
        tensors.encode(np.array(arguments.floats, np.float32), request.inputs["x"])
    serialized: bytes = request.SerializeToString()
    return serialized


def _round(
    server: Server, payload: bytes, clients: int, arguments: argparse.Namespace, pool: Pool
) -> Round:
    before = _processor_s(server.pid)
    rate = arguments.rate / clients if arguments.rate else None
    job = (server.target, payload, arguments.seconds, rate)
    results = pool.starmap(_client, [job] * clients, chunksize=1)
    after = _processor_s(server.pid)
    latencies = sorted(latency for result in results for latency in result[0])
    if not latencies:
        raise SystemExit(f"{server.name} ({server.target}) answers nothing: {results[0][3]}")
    thousands = len(latencies) / 1e3
    return Round(
        statistics.median(latencies) * 1e3,
        latencies[len(latencies) * 99 // 100] * 1e3,
        len(latencies) / max(result[1] for result in results),
        sum(len(result[3]) for result in results),
        sum(result[2] for result in results) / thousands,
        None if before is None or after is None else (after - before) / thousands,
        _resident_mb(server.pid),
    )


def _client(
    target: str, payload: bytes, seconds: float, rate: float | None
) -> tuple[list[float], float, float, list[str]]:
    """Call a server; return latencies, seconds, the process's own processor time, and errors."""
    latencies: list[float] = []
    errors: list[str] = []
    with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        grpc.channel_ready_future(channel).result(_TIMEOUT_S)
        processor, begin = _own_processor_s(), time.perf_counter()
        if rate is None:
            _call_without_pause(call, payload, begin + seconds, latencies, errors)
        else:
            _call_at_times(call, payload, np.arange(0, seconds, 1 / rate), latencies, errors)
        elapsed = time.perf_counter() - begin
        return latencies, elapsed, _own_processor_s() - processor, errors


def _call_without_pause(
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes],
    payload: bytes,
    end: float,
    latencies: list[float],
    errors: list[str],
) -> None:
    while (start := time.perf_counter()) < end:
        try:
            call(payload, timeout=_TIMEOUT_S)
            latencies.append(time.perf_counter() - start)
        except grpc.RpcError as err:
            errors.append(f"{err.code().name}: {err.details()}")


def _call_at_times(
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes],
    payload: bytes,
    times: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]],
    latencies: list[float],
    errors: list[str],
) -> None:
    begin, lock = time.perf_counter(), threading.Lock()

    def ended(due: float, answer: grpc.Future[bytes]) -> None:
        latency = time.perf_counter() - due
        with lock:
            if (err := answer.exception()) is None:
                latencies.append(latency)
            else:
                errors.append(str(err))

    calls = []
    for offset in times:
        due = begin + float(offset)
        time.sleep(max(0.0, due - time.perf_counter()))
        answer = call.future(payload, timeout=_TIMEOUT_S)
        answer.add_done_callback(lambda done, due=due: ended(due, done))
        calls.append(answer)
    for answer in calls:
        answer.exception()


def _own_processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _family(pid: int) -> Iterator[Path]:
    """Yield the folders in /proc of a process and of all that it started."""
    yield Path(f"/proc/{pid}")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from _family(int(child))


def _processor_s(pid: int | None) -> float | None:
    if pid is None:
        return None
    fields = [(one / "stat").read_text().rpartition(")")[2].split() for one in _family(pid)]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS_PER_S


def _resident_mb(pid: int | None) -> float | None:
    if pid is None:
        return None
    pages = sum(int((one / "statm").read_text().split()[1]) for one in _family(pid))
    return pages * _PAGE / 2**20


def _summary(mine: Sequence[Round], first: Sequence[Round]) -> dict[str, object]:
    def middle(name: str) -> float | None:
        values = [getattr(one, name) for one in mine]
        return None if None in values else round(statistics.median(values), 3)

    def ratios(name: str) -> list[float]:
        found = sorted(
            getattr(a, name) / getattr(b, name) for a, b in zip(mine, first, strict=True)
        )
        return [round(one, 3) for one in (statistics.median(found), found[0], found[-1])]

    figures = ("p50_ms", "p99_ms", "per_s", "client_cpu", "server_cpu", "resident_mb")
    return {
        **{name: middle(name) for name in figures},
        "failed": sum(one.failed for one in mine),
        "p50_ratio": ratios("p50_ms"),
        "per_s_ratio": ratios("per_s"),
    }


@contextmanager
def _echo(
    context: multiprocessing.context.SpawnContext, wanted: bool
) -> Iterator[Sequence[Server]]:
    if not wanted:
        yield []
        return
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve_echo, args=(theirs,), daemon=True)
    process.start()
    yield [Server("echo", f"127.0.0.1:{ours.recv()}", process.pid)]
    process.terminate()
    process.join()


def _serve_echo(pipe: multiprocessing.connection.Connection) -> None:
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    service = grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService", {"Predict": handler}
    )
    server = grpc.server(futures.ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers((service,))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    sys.exit(main())
