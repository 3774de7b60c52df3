"""The Spring Boot example, built as its users build it, started and asked over HTTP."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signature_contract import contract as contracts
from signature_contract import golden
from tests.java.jdks import flags, java_of
from tests.running import PATIENCE_S, free_ports

pytestmark = pytest.mark.long

Answer = tuple[int, Any]


@dataclass
class Service:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str, body: bytes | None = None) -> Answer:
        """Return the status and what the body's JSON says; text where it is none; 0 for nobody."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", body, {"Content-Type": "image/jpeg"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
                return response.status, _json(response.read())
        except urllib.error.HTTPError as err:
            return err.code, _json(err.read())
        except urllib.error.URLError:
            return 0, None

    def wait(self, path: str, status: int) -> Any:
        """Wait until a path answers with a status; return what it says."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found, said = self.ask(path)
            if found == status:
                return said
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)
        pytest.fail(f"{path} did not answer {status}: {self.log.read_text(encoding='utf-8')}")

    def calls(self) -> dict[str, int]:
        """Return the number of calls of the model by outcome, from the metrics' page."""
        _, page = self.ask("/actuator/prometheus")
        found = re.findall(
            r'^vision_calls_seconds_count\{operation="classify",outcome="(\w+)"\} (\S+)$',
            page,
            re.MULTILINE,
        )
        return {outcome: int(float(count)) for outcome, count in found}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        return body.decode()


@contextlib.contextmanager
def running(
    consumers: Path, folder: Path, release: int, **properties: str | Path
) -> Iterator[Service]:
    """Start the service on a free port."""
    (port,) = free_ports(1)
    (jar,) = (consumers / "spring-boot" / "target").glob("*.jar")
    given = {**properties, "server.port": str(port)}
    log = folder / "service.log"
    # Where JavaCPP unpacks TensorFlow: 680 MB that nobody shares.
    cache = folder / "cache"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(java_of(release), *flags(release)[1:]),
                *(f"-Dorg.bytedeco.javacpp.cachedir={cache}", "-jar", jar),
                *(f"--{name}={value}" for name, value in given.items()),
            ],
            stdout=out,
            stderr=out,
        )
    try:
        yield Service(port, process, log)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(cache, ignore_errors=True)


@pytest.fixture(scope="module")
def image(published: Path) -> tuple[bytes, str]:
    """A golden image, and the class that it is of."""
    contract = contracts.load(published)
    case = next(c for c in golden.load(published, contract) if c.signature == "serving_bytes")
    label = contract.class_names[int(case.outputs["probabilities"][0].argmax())]
    return case.inputs["image_bytes"][0], label


@contextlib.contextmanager
def forwarding(port: int, target: str) -> Iterator[None]:
    """Pass connections to a port on to a server, until the end of the context."""
    host, _, server = target.rpartition(":")
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    ours, _ = listener.accept()
                    theirs = socket.create_connection((host, int(server)))
                    for pair in ((ours, theirs), (theirs, ours)):
                        threading.Thread(target=_copy, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


def test_a_model_in_its_process(
    consumers: Path, published: Path, image: tuple[bytes, str], tmp_path: Path
) -> None:
    """On Java 25, which refuses native code that the jar's manifest does not name."""
    photograph, label = image
    properties = {"vision.version-path": published}
    with running(consumers, tmp_path, 25, **properties) as service:
        health = service.wait("/actuator/health/readiness", 200)
        assert health["components"]["model"]["details"]["version"] == 1
        status, guesses = service.ask("/classify?top=1", photograph)
        assert (status, [one["label"] for one in guesses]) == (200, [label])
        status, problem = service.ask("/classify", b"no image")
        assert status == 422
        assert "expected a whole JPEG or PNG file" in problem["detail"]
        assert service.ask("/detect", photograph)[0] == 404
        assert service.calls() == {"success": 1, "InvalidImageException": 1}
        stop_during_a_request(service, photograph, label)


def stop_during_a_request(service: Service, photograph: bytes, label: str) -> None:
    """End the service while a request is half sent: it is answered all the same."""
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE_S) as connection:
        head = f"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: {len(photograph)}\r\n"
        head += "Content-Type: image/jpeg\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + photograph[:100])
        service.wait("/actuator/health/liveness", 200)  # it has taken what came before
        service.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while b"Commencing graceful shutdown" not in service.log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        connection.sendall(photograph[100:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert label.encode() in answer
    assert service.process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert b"Graceful shutdown complete" in service.log.read_bytes()


def test_a_model_on_a_server(
    consumers: Path,
    published: Path,
    classifier_server: str,
    image: tuple[bytes, str],
    tmp_path: Path,
) -> None:
    photograph, label = image
    (port,) = free_ports(1)
    properties: dict[str, str | Path] = {
        "vision.version-path": published,
        "vision.mode": "grpc",
        "vision.target": f"127.0.0.1:{port}",
    }
    with running(consumers, tmp_path, 17, **properties) as service:
        service.wait("/actuator/health/liveness", 200)
        health = service.wait("/actuator/health/readiness", 503)
        assert health["components"]["model"]["status"] == "OUT_OF_SERVICE"
        assert service.ask("/classify", photograph)[0] == 503
        with forwarding(port, classifier_server):
            service.wait("/actuator/health/readiness", 200)
            status, guesses = service.ask("/classify", photograph)
            assert (status, guesses[0]["label"]) == (200, label)
            assert service.calls() == {"success": 1, "ServerUnavailableException": 1}
