"""How the client connects: encryption, compression, and settings that are refused."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from python_client import (
    TLS,
    ChannelOptions,
    HedgingPolicy,
    KeepAlive,
    MessageLimits,
    RetryPolicy,
    VisionClient,
    errors,
)
from tests.needs import demand
from tests.running import PATIENCE_S

ONCE = ChannelOptions(retry=None)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of our own, and what it signed: ``server`` and ``client``."""
    demand("TLS")
    openssl = str(shutil.which("openssl"))
    directory = tmp_path_factory.mktemp("certificates")

    def make(name: str, *arguments: str) -> None:
        command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-nodes", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(
            [openssl, *command, "-subj", f"/CN={name}", *arguments],
            cwd=directory,
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )

    make("ca")
    make("server", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:models")
    make("client", "-CA", "ca.pem", "-CAkey", "ca.key")
    return directory


def server_credentials(directory: Path, *, client_verify: bool) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [((directory / "server.key").read_bytes(), (directory / "server.pem").read_bytes())],
        (directory / "ca.pem").read_bytes() if client_verify else None,
        require_client_auth=client_verify,
    )


def test_tls(serve: Callable[..., str], certificates: Path) -> None:
    target = serve(server_credentials(certificates, client_verify=False))
    tls = TLS(ca=certificates / "ca.pem", server_name="models")
    with VisionClient(target, credentials=tls) as client:
        assert client.status().available == (7,)
    grpcs_own = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    options = ChannelOptions(extra_arguments=(("grpc.ssl_target_name_override", "models"),))
    with VisionClient(target, credentials=grpcs_own, options=options) as client:
        assert client.status().available == (7,)


def test_a_server_we_have_no_reason_to_trust(serve: Callable[..., str], certificates: Path) -> None:
    target = serve(server_credentials(certificates, client_verify=False))
    for tls in (TLS(server_name="models"), TLS(ca=certificates / "ca.pem", server_name="other")):
        with (
            VisionClient(target, credentials=tls, options=ONCE) as client,
            pytest.raises(errors.UnavailableError),
        ):
            client.status()
    with (
        VisionClient(target, options=ONCE) as client,
        pytest.raises(errors.UnavailableError, match="does it expect TLS"),
    ):
        client.status()


def test_mutual_tls(serve: Callable[..., str], certificates: Path) -> None:
    target = serve(server_credentials(certificates, client_verify=True))
    ca = (certificates / "ca.pem").read_bytes()
    with VisionClient(
        target,
        credentials=TLS(
            ca=ca,
            certificate=certificates / "client.pem",
            key=str(certificates / "client.key"),
            server_name="models",
        ),
    ) as client:
        assert client.status().available == (7,)
    with (
        VisionClient(target, credentials=TLS(ca=ca, server_name="models"), options=ONCE) as client,
        pytest.raises(errors.UnavailableError),
    ):
        client.status()


def test_a_key_is_not_shown(certificates: Path) -> None:
    key = (certificates / "client.key").read_bytes()
    assert "PRIVATE" not in repr(TLS(certificate=certificates / "client.pem", key=key))


def test_compression_makes_requests_smaller(target: str) -> None:
    even = np.zeros((1, 200, 200, 3), np.uint8)
    sizes = {}
    for compression in (None, "gzip", "deflate"):
        with _counted(target) as (address, received):
            options = ChannelOptions(compression=compression)
            with VisionClient(address, options=options) as client:
                client.classify(even)
            sizes[compression] = sum(received)
    assert sizes[None] > even.size
    assert sizes["gzip"] < even.size / 20
    assert sizes["deflate"] < even.size / 20


def test_keep_alive_pings_a_silent_connection(target: str) -> None:
    """Bytes go on arriving at the server while no call is under way."""
    keep_alive = KeepAlive(interval_s=0.2, timeout_s=5, without_calls=True)
    with _counted(target) as (address, received):
        options = ChannelOptions(keep_alive=keep_alive)
        with VisionClient(address, options=options) as client:
            client.status()
            # Ten frames of a ping's size (RFC 9113: 9 bytes and 8); the call's own last are fewer.
            enough = sum(received) + 10 * 17
            deadline = time.monotonic() + PATIENCE_S
            while sum(received) < enough:
                assert time.monotonic() < deadline, "the connection fell silent"
                time.sleep(0.05)


def test_the_service_config() -> None:
    retry = RetryPolicy(max_attempts=3, initial_backoff_s=0.25, max_backoff_s=1.5)
    options = ChannelOptions(retry=retry, load_balancing="pick_first", wait_for_ready=True)
    assert options.service_config() == {
        "methodConfig": [
            {
                "name": [
                    {"service": "tensorflow.serving.PredictionService"},
                    {"service": "tensorflow.serving.ModelService"},
                ],
                "waitForReady": True,
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.250000000s",
                    "maxBackoff": "1.500000000s",
                    "backoffMultiplier": 2.0,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "loadBalancingConfig": [{"pick_first": {}}],
    }
    hedged = ChannelOptions(hedging=HedgingPolicy()).service_config()
    assert "retryPolicy" not in hedged["methodConfig"][0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RetryPolicy(max_attempts=6), "max_attempts of 2 to 5, received 6"),
        (lambda: RetryPolicy(initial_backoff_s=0), "above 0"),
        (lambda: RetryPolicy(status_codes=("UNREACHABLE",)), "names of gRPC codes"),
        (lambda: HedgingPolicy(max_attempts=1), "max_attempts of 2 to 5, received 1"),
        (lambda: HedgingPolicy(delay_s=-1), "delay_s"),
        (lambda: KeepAlive(interval_s=0), "above 0"),
        (lambda: MessageLimits(receive_bytes=2**31), "2 GiB - 1"),
        (lambda: TLS(key=b"k"), "received only the key"),
        (lambda: TLS(certificate=b"c"), "received only the certificate"),
        (lambda: ChannelOptions(compression="zip"), "gzip, deflate or None, not zip"),
        (lambda: ChannelOptions(load_balancing="random"), "round_robin or pick_first"),
    ],
)
def test_settings_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@contextmanager
def _counted(target: str) -> Iterator[tuple[str, list[int]]]:
    """Put a relay before a server that notes the size of all it receives from the client."""
    host, port = target.split(":")
    received: list[int] = []
    sockets: list[socket.socket] = []

    def relay(source: socket.socket, sink: socket.socket, sizes: list[int]) -> None:
        try:
            while data := source.recv(65536):
                sizes.append(len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept(listener: socket.socket) -> None:
        try:
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, int(port)))
                sockets.extend((client, server))
                for source, sink, sizes in ((client, server, received), (server, client, [])):
                    threading.Thread(target=relay, args=(source, sink, sizes), daemon=True).start()
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", received
        listener.shutdown(socket.SHUT_RDWR)
    for connection in sockets:
        connection.close()
