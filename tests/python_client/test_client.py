"""The client around its calls: channel, threads, metadata, status, the contract's check."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos.services import MODEL_SERVICE, handler
from python_client import (
    ChannelOptions,
    ContractBrokenError,
    ModelStatus,
    VersionStatus,
    VisionClient,
    errors,
    open_channel,
)
from signature_contract.contract import Contract, ContractMismatchError, Signature, TensorSpec
from signature_contract.version_files import CONTRACT_FILE
from tests.running import PATIENCE_S


def test_a_channel_of_ones_own_stays_open(target: str) -> None:
    with open_channel(target) as channel:
        for _ in range(2):
            with VisionClient(target, channel=channel) as client:
                assert len(client.classify(b"\x01")) == 1


def test_a_channel_comes_with_its_own_settings(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        with pytest.raises(ValueError, match="either a channel or credentials and options"):
            VisionClient(target, channel=channel, options=ChannelOptions())
        with pytest.raises(ValueError, match="open_channel"):
            VisionClient(target, channel=channel, credentials=grpc.local_channel_credentials())


def test_a_closed_client_says_so(target: str) -> None:
    with VisionClient(target) as client:
        pass
    client.close()
    with pytest.raises(errors.ClientClosedError, match=f"<VisionClient {target}"):
        client.status()


def test_threads_share_a_client(target: str) -> None:
    with VisionClient(target) as client, ThreadPoolExecutor(8) as threads:
        values = [n % 200 for n in range(64)]
        answers = list(threads.map(lambda n: client.classify(bytes([n]))[0], values))
    assert [answer.logits["dog"] + 100 for answer in answers] == values


def test_headers_go_with_every_call(target: str, serving: Any) -> None:
    with VisionClient(target, metadata=[("authorization", "Bearer t")]) as client:
        client.status(request_id="mine")
        client.metadata()
    first, second = serving.headers
    assert first["authorization"] == second["authorization"] == "Bearer t"
    assert first["x-request-id"] == "mine"
    assert len(second["x-request-id"]) == 32  # type: ignore[arg-type]  # made up


def test_metadata(target: str, contract: Contract) -> None:
    with VisionClient(target) as client:
        metadata = client.metadata()
    assert (metadata.model, metadata.version) == ("classifier", 7)
    assert contract.differences(metadata.signatures) == []
    assert "input  input_tensor: uint8 [-1, -1, -1, 3]" in str(metadata)


def test_status(target: str) -> None:
    with VisionClient(target) as client:
        status = client.status()
    assert status == ModelStatus(
        "classifier",
        (
            VersionStatus(8, "END", "FAILED_PRECONDITION", "no such variable"),
            VersionStatus(7, "AVAILABLE"),
        ),
    )
    assert status.available == (7,)


def test_a_model_that_keeps_its_contract(target: str, published_copy: Path, serving: Any) -> None:
    with VisionClient(target, contract=published_copy) as client:
        assert client.check_contract().version == 7
    assert len(serving.requests) == 2  # metadata, and one picture for the class order
    assert serving.requests[1].model_spec.version.value == 7


def test_an_unpublished_contract_asks_for_no_picture(target: str, serving: Any) -> None:
    with VisionClient(target) as client:
        client.check_contract()
    assert len(serving.requests) == 1


def _changed(contract: Contract, role: str, name: str, spec: TensorSpec | None) -> Contract:
    """Change one tensor of ``serving_default``; None removes it."""
    signature = contract.signatures["serving_default"]
    specs = {**getattr(signature, role), name: spec}
    specs = {key: value for key, value in specs.items() if value is not None}
    changed: Signature = replace(signature, **{role: specs})
    return replace(contract, signatures={**contract.signatures, "serving_default": changed})


@pytest.mark.parametrize(
    ("mutate", "message"),
    [
        (
            lambda c: replace(c, signatures={"serving_bytes": c.signatures["serving_bytes"]}),
            r'signature "serving_default": expected it to be there, .*exists: serving_bytes',
        ),
        (
            lambda c: _changed(c, "inputs", "input_tensor", TensorSpec("float32", (-1, -1, -1, 3))),
            r'"input_tensor": expected uint8 \[-1, -1, -1, 3\], found float32',
        ),
        (
            lambda c: _changed(c, "inputs", "input_tensor", TensorSpec("uint8", (-1, -1, 3))),
            r"found uint8 \[-1, -1, 3\]",
        ),
        (lambda c: _changed(c, "outputs", "logits", None), r'output "logits": expected it to be'),
        (
            lambda c: _changed(c, "inputs", "training", TensorSpec("float32", ())),
            r'input "training": expected only input_tensor, found one more',
        ),
        (lambda c: c.bind(["cat", "dog", "fox"]), r"\[-1, 2\], found float32 \[-1, 3\]"),
    ],
)
def test_a_model_that_differs_in_one_thing(
    target: str, published_copy: Path, serving: Any, mutate: Any, message: str
) -> None:
    serving.contract = mutate(serving.contract)
    with (
        VisionClient(target, contract=published_copy) as client,
        pytest.raises(ContractBrokenError, match=message) as caught,
    ):
        client.check_contract()
    assert isinstance(caught.value, ContractMismatchError)
    assert target in str(caught.value)
    assert caught.value.differences


def test_a_model_with_its_classes_in_another_order(
    target: str, published_copy: Path, serving: Any
) -> None:
    serving.classes = ["dog", "cat"]
    with (
        VisionClient(target, contract=published_copy) as client,
        pytest.raises(ContractBrokenError, match=r"class order: .*found \['dog', 'cat'\]"),
    ):
        client.check_contract()


def test_calls_spread_over_the_servers_of_a_name(serve: Callable[..., str], serving: Any) -> None:
    """round_robin: each of two servers gets its share, and one of them may go."""
    asked: list[str] = []
    targets = [serve(services=_Named(serving, name, asked)) for name in ("a", "b")]
    with VisionClient("ipv4:" + ",".join(targets)) as client:
        for _ in range(20):
            client.status()
    assert min(asked.count("a"), asked.count("b")) >= 5


def test_a_backend_may_restart(serving: Any) -> None:
    """dns:///, round_robin: calls go on when the only server has gone and come back."""

    def start(port: int) -> tuple[grpc.Server, int]:
        server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((handler(MODEL_SERVICE, serving),))
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        return server, bound

    server, port = start(0)
    try:
        with VisionClient(f"dns:///127.0.0.1:{port}", timeout_s=PATIENCE_S) as client:
            assert client.status().available
            server.stop(None).wait()
            with pytest.raises(errors.UnavailableError):
                client.status()
            server, _ = start(port)
            deadline = time.monotonic() + PATIENCE_S
            while True:  # the channel waits a little before it connects anew
                try:
                    assert client.status().available
                    break
                except errors.UnavailableError:
                    assert time.monotonic() < deadline, "the client did not come back"
    finally:
        server.stop(None).wait()


class _Named:
    """The scripted services, noting which server was asked."""

    def __init__(self, services: Any, name: str, asked: list[str]) -> None:
        self._services, self._name, self._asked = services, name, asked

    def __getattr__(self, method: str) -> Any:
        def answer(request: Any, context: Any) -> Any:
            self._asked.append(self._name)
            return getattr(self._services, method)(request, context)

        return answer


def test_contracts_are_loaded_from_wherever_they_are(
    target: str, published_copy: Path, contract: Contract
) -> None:
    file = published_copy / "assets.extra" / CONTRACT_FILE
    for source in (published_copy, str(published_copy), file, str(file), contract):
        with VisionClient(target, contract=source) as client:
            assert client.contract == contract
