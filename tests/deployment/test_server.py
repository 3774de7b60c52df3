"""A real server under the shipped flags: its probes, its health check, what its dashboard draws."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import promql_parser
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from python_client import VisionClient
from signature_contract import contract as contracts
from signature_contract import golden
from tests.conftest import RunningServer
from tests.deployment.conftest import REPO, SERVING_CONFIG, Manifest
from tests.running import PATIENCE_S

MODELS_SH = SERVING_CONFIG / "image" / "models.sh"
DASHBOARD = SERVING_CONFIG / "grafana" / "dashboards" / "serving.json"
BATCHING = "/etc/vision-serving/batching.config"
RULES = SERVING_CONFIG / "prometheus_rules.yml"
METRIC = re.compile(r":tensorflow:serving:[a-z_:]+")


@pytest.fixture(scope="module")
def server(
    command_lines: dict[str, list[str]],
    on_this_machine: Callable[[list[str]], list[str]],
    start_server: Callable[..., RunningServer],
) -> Iterator[RunningServer]:
    """A server under the Deployment's flags with both models, warmed up."""
    flags = on_this_machine(command_lines["kubernetes/deployment.yaml"])
    server = start_server(*flags, rest=True)
    yield server
    server.stop()


def models_sh(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", str(MODELS_SH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def port_of(server: RunningServer) -> str:
    return server.rest.rpartition(":")[2]


def test_every_service_a_grpc_probe_asks_for_is_serving(
    server: RunningServer, manifests: dict[str, Manifest]
) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]
    services = {
        container[probe]["grpc"]["service"]
        for container in (*pod["containers"], *runtime["containers"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if "grpc" in container.get(probe, ())
    }
    with grpc.insecure_channel(server.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in services:
            answer = health.Check(
                health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S
            )
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(
                health_pb2.HealthCheckRequest(service="PredictService"), timeout=PATIENCE_S
            )
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_health_check_passes_when_every_model_is_available(
    server: RunningServer, models: Path
) -> None:
    done = models_sh("available", models / "models.config", port_of(server))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "text",
    [
        'model_config_list { config { name: "classifier" } config { name: "ghost" } }',
        "model_config_list {\n  config {\n    # name: 'comment'\n    name : 'ghost'\n  }\n}\n",
        'model_config_list{config{name:"ghost",base_path:"/models/ghost"}}',
    ],
)
def test_the_health_check_names_the_model_that_is_not(
    text: str, server: RunningServer, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    config.write_text(text, encoding="utf-8")
    done = models_sh("available", config, port_of(server))
    assert done.returncode == 1
    assert done.stderr == "ghost has no AVAILABLE version\n"


def test_the_health_check_fails_when_nobody_listens(free_port: int) -> None:
    done = models_sh("available", SERVING_CONFIG / "models.config", str(free_port))
    assert done.returncode == 1
    assert done.stderr == f"nobody listens on the REST port {free_port}\n"


def test_the_health_check_says_that_a_server_is_silent() -> None:
    # As one is whose port is open before its models are loaded.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = models_sh("available", SERVING_CONFIG / "models.config", port)
    assert done.returncode == 1
    assert done.stderr == f"the REST port {port} is open and does not answer\n"


def test_the_health_check_ends_before_whoever_runs_it_loses_patience(
    dockerfile: dict[str, list[str]], manifests: dict[str, Manifest]
) -> None:
    deadline = re.search(r"(?m)^readonly DEADLINE_S=(\d+)$", MODELS_SH.read_text("utf-8"))
    docker = re.search(r"--timeout=(\d+)s", dockerfile["HEALTHCHECK"][0])
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    probes = [pod["containers"][0][name] for name in ("startupProbe", "readinessProbe")]
    assert deadline
    assert docker
    for patience in (int(docker[1]), *(probe["timeoutSeconds"] for probe in probes)):
        assert int(deadline[1]) < patience


def test_the_health_check_refuses_a_configuration_without_models(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    assert models_sh("available", config, "8501").stderr == f"{config} cannot be read\n"
    config.write_text("model_config_list { }\n", encoding="utf-8")
    done = models_sh("available", config, "8501")
    assert (done.returncode, done.stderr) == (2, f"{config} names no model\n")
    assert models_sh("available").returncode == 2


@pytest.mark.usefixtures("server")
def test_an_image_without_a_models_version_is_not_built(models: Path, tmp_path: Path) -> None:
    assert models_sh("published", models / "models.config").returncode == 0
    config = tmp_path / "models.config"
    text = (models / "models.config").read_text("utf-8")
    config.write_text(text.replace("/detector", "/absent"), encoding="utf-8")
    done = models_sh("published", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{models}/absent holds no version with a saved_model.pb: export")


def expressions() -> dict[str, str]:
    """Every PromQL expression of the dashboard and the alerts, Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    found = {
        f"panel {panel['title']!r} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]:
        found |= {f"alert {rule['alert']}": rule["expr"] for rule in group["rules"]}
    return {
        where: text.replace("$__rate_interval", "1m")
        .replace("$model", "m")
        .replace("$instance", "i")
        for where, text in found.items()
    }


def test_every_expression_is_promql() -> None:
    for where, text in expressions().items():
        assert "$" not in text, where
        promql_parser.parse(text)
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql_parser.parse("sum(rate(:tensorflow:serving:request_count[1m])")


def test_everything_the_dashboard_draws_is_measured(server: RunningServer, models: Path) -> None:
    ask_all(server, models)
    page = scrape(server)
    measured = set(METRIC.findall(page))
    for where, text in expressions().items():
        for name in METRIC.findall(text):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert {name, base} & measured, f"{where}: {name}"
    labels = {"model_name", "status", "le", "model", "instance", "model_path", "job"}
    for where, text in expressions().items():
        for clause in re.findall(r"by \(([^)]*)\)", text):
            assert {label.strip() for label in clause.split(",")} <= labels, where


# What clients send, to a server as each file starts it -----------------------------------------


def ask_all(
    server: RunningServer,
    models: Path,
    names: Sequence[str] = ("classifier", "detector"),
    signatures: Sequence[str] = ("serving_default", "serving_bytes"),
) -> None:
    """Send every golden request at the same time, of all sizes, and compare what comes."""
    asked = [
        (name, case)
        for name in names
        for case in golden.load(models / name / "1", contracts.load(models / name / "1"))
        if case.signature in signatures
    ]
    sizes = {
        case.inputs["input_tensor"].shape for _, case in asked if "input_tensor" in case.inputs
    }
    assert len(sizes) != 1, "requests that differ in size are what a server may refuse"

    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(VisionClient(server.target, model=name, timeout_s=PATIENCE_S))
            for name in names
        }

        def ask(request: tuple[str, golden.GoldenCase]) -> None:
            name, case = request
            answer = clients[name].predict(case.inputs, signature=case.signature)
            output = {"classifier": "probabilities", "detector": "detection_scores"}[name]
            np.testing.assert_allclose(answer[output], case.outputs[output], rtol=0, atol=1e-4)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(ask, asked * 3))


def test_the_deployments_server_answers_whatever_clients_send(
    server: RunningServer, models: Path
) -> None:
    ask_all(server, models)


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_kserves_server_answers_whatever_clients_send(
    model: str,
    command_lines: dict[str, list[str]],
    on_this_machine: Callable[[list[str]], list[str]],
    start_server: Callable[..., RunningServer],
    models: Path,
) -> None:
    flags = [
        flag.replace("{{.Name}}", model) for flag in command_lines["kserve/serving_runtime.yaml"]
    ]
    server = start_server(*on_this_machine(flags), rest=True)
    ask_all(server, models, [model])
    assert server.stop() == 0


def test_the_images_server_answers_all_files_with_batching_switched_on(
    command_lines: dict[str, list[str]],
    on_this_machine: Callable[[list[str]], list[str]],
    start_server: Callable[..., RunningServer],
    models: Path,
) -> None:
    option = ["--enable_batching=true", f"--batching_parameters_file={BATCHING}"]
    assert " ".join(option) in (REPO / "Dockerfile.serving").read_text("utf-8"), "as it says there"
    flags = on_this_machine([*command_lines["Dockerfile.serving"], *option])
    server = start_server(*flags, rest=True)
    ask_all(server, models, signatures=["serving_bytes"])

    # More files than the usual queue of 100 batches holds.
    version = models / "classifier" / "1"
    cases = golden.load(version, contracts.load(version))
    one = next(case for case in cases if str(case) == "serving_bytes/one")
    files = {"image_bytes": np.repeat(one.inputs["image_bytes"], 410)}
    wanted = np.repeat(one.outputs["probabilities"], 410, axis=0)
    with (
        VisionClient(server.target, model="classifier", timeout_s=PATIENCE_S) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        ask = partial(client.predict, signature="serving_bytes")
        other = pool.submit(ask, one.inputs)  # something to be batched with
        np.testing.assert_allclose(ask(files)["probabilities"], wanted, rtol=0, atol=1e-4)
        assert other.result()["probabilities"].shape == one.outputs["probabilities"].shape
    assert server.stop() == 0


def scrape(server: RunningServer) -> str:
    """Read the metrics from where Prometheus is told to look."""
    (job,) = _read(SERVING_CONFIG / "prometheus.yml")["scrape_configs"]
    with urllib.request.urlopen(server.rest + job["metrics_path"], timeout=PATIENCE_S) as answer:  # noqa: S310
        return answer.read().decode()


@pytest.fixture(scope="module")
def job() -> Manifest:
    """The only thing that Prometheus is told to read."""
    config = _read(SERVING_CONFIG / "prometheus.yml")
    (found,) = config["scrape_configs"]
    return found


def test_prometheus_reads_a_port_that_compose_publishes(compose: Manifest, job: Manifest) -> None:
    (target,) = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert host in compose["services"]
    assert f"127.0.0.1:{port}:{port}" in compose["services"][host]["ports"]


def test_the_rules_that_prometheus_loads_are_mounted(compose: Manifest) -> None:
    config = _read(SERVING_CONFIG / "prometheus.yml")
    mounted = {volume.split(":")[1] for volume in compose["services"]["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= mounted


def test_kubernetes_and_kserve_send_prometheus_to_the_same_page(
    manifests: dict[str, Manifest], job: Manifest
) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]["annotations"]
    assert pod["prometheus.io/path"] == job["metrics_path"]
    assert runtime["prometheus.kserve.io/path"] == job["metrics_path"]


def test_grafana_reads_a_port_that_compose_publishes(compose: Manifest) -> None:
    provisioning = SERVING_CONFIG / "grafana" / "provisioning"
    (source,) = _read(provisioning / "datasources" / "prometheus.yml")["datasources"]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert f"127.0.0.1:{port}:{port}" in compose["services"][host]["ports"]


def test_grafana_finds_the_dashboard_and_begins_with_it(compose: Manifest) -> None:
    provisioning = SERVING_CONFIG / "grafana" / "provisioning"
    (provider,) = _read(provisioning / "dashboards" / "serving.yml")["providers"]
    grafana = compose["services"]["grafana"]
    folders = {volume.split(":")[1] for volume in grafana["volumes"]}
    assert provider["options"]["path"] in folders
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARD.name}"


def test_the_dashboards_panels_are_apart_and_explained() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["description"], panel["title"]


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))
