"""What surrounds the calls: TLS, reflection, message sizes, REST bodies, reloaded configuration."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2

import protos
from tests.needs import demand
from tests.running import PATIENCE_S, eventually


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_services_methods_and_messages(toy_server: Any, version: str) -> None:
    serving = "tensorflow.serving"
    with grpc.insecure_channel(toy_server.target) as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )

        def answer(**request: str) -> Any:
            return next(
                ask(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=PATIENCE_S)
            )

        services = [
            service.name for service in answer(list_services="").list_services_response.service
        ]
        assert services == [
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            f"{serving}.ModelService",
            f"{serving}.PredictionService",
        ]
        for symbol in (
            *services,
            f"{serving}.PredictionService.Predict",
            f"{serving}.ModelService.HandleReloadConfigRequest",
            f"{serving}.PredictRequest.inputs",
            f"{serving}.ModelVersionStatus.State.AVAILABLE",
            "tensorflow.TensorProto",
        ):
            found = answer(file_containing_symbol=symbol).file_descriptor_response
            # Every file that is needed comes with it, so that the whole can be built.
            pool = descriptor_pool.DescriptorPool()
            files = [
                descriptor_pb2.FileDescriptorProto.FromString(data)
                for data in found.file_descriptor_proto
            ]
            added: set[str] = set()
            while missing := [file for file in files if file.name not in added]:
                ready = [file for file in missing if set(file.dependency) <= added]
                assert ready, (symbol, [file.name for file in missing])
                for file in ready:
                    pool.Add(file)
                    added.add(file.name)
            if symbol in services:
                assert pool.FindServiceByName(symbol).methods
        wrong = answer(file_containing_symbol=f"{serving}.PredictionService.Nothing")
        assert wrong.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_message_of_many_megabytes_is_answered(toy_server: Any, caller: Any) -> None:
    answer = caller(toy_server.target).predict([1.0] * 3_000_000)
    assert answer.code == "OK"
    assert len(answer.response.outputs["y"].float_val) == 3_000_000


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A CA, and a server's and a client's certificate that it signed."""
    folder = tmp_path_factory.mktemp("tls")
    demand("TLS")
    program = str(shutil.which("openssl"))

    def openssl(arguments: str) -> None:
        subprocess.run([program, *arguments.split()], cwd=folder, check=True, capture_output=True)

    openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem"
    )
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        openssl(
            f"x509 -req -days 2 -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
            f"-extfile {name}.ext -out {name}.pem"
        )
    return {path.name: path for path in folder.iterdir()}


def test_mutual_tls(
    certificates: dict[str, Path],
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path: Path,
) -> None:
    def pem(name: str) -> str:
        return json.dumps(certificates[name].read_text())

    config = tmp_path / "ssl.config"
    config.write_text(
        f"server_key: {pem('server.key')}\nserver_cert: {pem('server.pem')}\n"
        f"custom_ca: {pem('ca.pem')}\nclient_verify: true\n"
    )
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        f"--ssl_config_file={config}",
        wait=False,
    )
    read = {name: path.read_bytes() for name, path in certificates.items()}
    full = grpc.ssl_channel_credentials(read["ca.pem"], read["client.key"], read["client.pem"])
    with grpc.secure_channel(server.target, full) as channel:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE_S)
        assert caller(server.target, channel).predict([1.0]).code == "OK"
    anonymous = grpc.ssl_channel_credentials(read["ca.pem"])
    with grpc.secure_channel(server.target, anonymous) as channel:
        assert caller(server.target, channel).predict([1.0]).code == "UNAVAILABLE"
    assert caller(server.target).predict([1.0]).code == "UNAVAILABLE"
    assert server.stop() == 0


def test_a_changed_configuration_file_is_followed(
    scaled_toys: Path, start_server: Callable[..., Any], caller: Any, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"

    def write(version: int, label: int, extra: str = "") -> None:
        config.write_text(
            f"model_config_list {{ config {{ name: 'toy' base_path: '{scaled_toys}' "
            "model_platform: 'tensorflow' "
            f"model_version_policy {{ specific {{ versions: {version} versions: 1 }} }} "
            f"version_labels {{ key: 'stable' value: {label} }} }} {extra} }}"
        )

    write(2, 1)
    server = start_server(
        f"--model_config_file={config}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models",
    )
    call = caller(server.target)

    def label() -> float:
        answer = call.predict([0.0], versionLabel="stable")
        return answer.response.outputs["y"].float_val[0] if answer.code == "OK" else -1.0

    assert label() == 2.0
    write(2, 2)
    eventually(lambda: label() == 4.0, "the label moving", server)
    config.write_text("model_config_list { config { nome: 'x' } }")
    if server.is_embedded:  # another one may say it in other words
        eventually(lambda: f"{config}:1:" in server.log, "the broken file being said", server)
    assert label() == 4.0
    write(3, 2)  # version 2 is no longer wanted, its label must not point to something else
    eventually(lambda: call.status().get(3, ("",))[0] == "AVAILABLE", "version 3 loading", server)
    eventually(lambda: call.status()[2][0] == "END", "version 2 ending", server)
    assert call.predict([0.0], versionLabel="stable").code == "NOT_FOUND"
    assert server.stop() == 0


def test_reloading_over_grpc_adds_and_removes_models(
    scaled_toys: Path, toy_models: Path, start_server: Callable[..., Any], caller: Any
) -> None:
    """One story: each list changes what the one before has left, also where nobody waits for it."""
    server = start_server("--model_name=toy", f"--model_base_path={toy_models}")
    call = caller(server.target)

    def reload(timeout: float = PATIENCE_S, **models: Path) -> Any:
        configs = [
            {"name": name, "basePath": str(path), "modelPlatform": "tensorflow"}
            for name, path in models.items()
        ]
        return call(
            "ModelService/HandleReloadConfigRequest",
            {"config": {"modelConfigList": {"config": configs}}},
            timeout,
        )

    def as_bytes(**models: Path) -> bytes:
        message = protos.ReloadConfigRequest()
        for name, path in models.items():
            message.config.model_config_list.config.add(
                name=name, base_path=str(path), model_platform="tensorflow"
            )
        data: bytes = message.SerializeToString()
        return data

    assert reload(toy=toy_models, other=scaled_toys).code == "OK"
    assert call.predict([0.0], name="other").response.outputs["y"].float_val[0] == 6.0
    # A new model without versions is waited for as long as the caller waits.
    waited = reload(timeout=1.0, toy=toy_models, empty=toy_models / "1" / "variables")
    assert waited.code == "DEADLINE_EXCEEDED"
    # One that its caller gave up keeps no other waiting, with a deadline or without.
    begun = call.channel.unary_unary(
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
    ).future(as_bytes(fresh=toy_models / "1" / "variables"))
    while call.predict([0.0]).code == "OK":
        assert not begun.done()
    begun.cancel()
    assert reload(other=scaled_toys).code == "OK"
    gone = call.predict([0.0])
    assert (gone.code, gone.message) == ("NOT_FOUND", "Servable not found for request: Latest(toy)")
    assert server.stop() == 0


@pytest.mark.usefixtures("embedded_only")
def test_two_servers_do_not_share_a_port(toy_server: Any, start_server: Callable[..., Any]) -> None:
    port = toy_server.target.rpartition(":")[2]
    second = start_server(
        f"--port={port}", "--model_name=toy", "--model_base_path=/nowhere", wait=False
    )
    assert second.process.wait(PATIENCE_S) == 1
    assert "is the port taken?" in second.log
