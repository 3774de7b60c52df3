"""A real server under the shipped flags: its probes, its health check, what its dashboard draws."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import promql_parser
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import RunningServer
from tests.deployment.conftest import REPO, SERVING_CONFIG, Manifest

MODELS_SH = SERVING_CONFIG / "image" / "models.sh"
DASHBOARD = SERVING_CONFIG / "grafana" / "dashboards" / "serving.json"
RULES = SERVING_CONFIG / "prometheus_rules.yml"
METRIC = re.compile(r":tensorflow:serving:[a-z_:]+")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a version of every model of models.config; what they compute is no matter."""
    folder = tmp_path_factory.mktemp("deployed")
    script = REPO / "tests" / "model_server" / "make_toy.py"
    command = [sys.executable, str(script), str(folder / "classifier"), "1"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shutil.copytree(folder / "classifier", folder / "detector")
    text = (SERVING_CONFIG / "models.config").read_text("utf-8")
    (folder / "models.config").write_text(text.replace("/models/", f"{folder}/"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(
    models: Path,
    command_lines: dict[str, list[str]],
    start_server: Callable[..., RunningServer],
) -> Iterator[RunningServer]:
    """A server under the Deployment's flags, but for ports and the places of files."""
    flags = [
        flag.replace("/etc/vision-serving/models.config", str(models / "models.config")).replace(
            "/etc/vision-serving", str(SERVING_CONFIG)
        )
        for flag in command_lines["kubernetes/deployment.yaml"]
        if not flag.startswith(("--port=", "--rest_api_port="))
    ]
    server = start_server(*flags, rest=True)
    yield server
    server.stop()


def models_sh(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", str(MODELS_SH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def port_of(server: RunningServer) -> str:
    return server.rest.rpartition(":")[2]


def test_every_service_a_probe_asks_for_is_serving(
    server: RunningServer, manifests: dict[str, Manifest]
) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]
    services = {
        container[probe]["grpc"]["service"]
        for container in (*pod["containers"], *runtime["containers"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if probe in container
    }
    with grpc.insecure_channel(server.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in services:
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="PredictService"), timeout=10)
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


def test_the_health_check_fails_when_nobody_listens(models: Path, free_port: int) -> None:
    done = models_sh("available", models / "models.config", str(free_port))
    assert done.returncode == 1
    assert done.stderr == f"nobody listens on the REST port {free_port}\n"


def test_the_health_check_refuses_a_configuration_without_models(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    assert models_sh("available", config, "8501").stderr == f"{config} cannot be read\n"
    config.write_text("model_config_list { }\n", encoding="utf-8")
    done = models_sh("available", config, "8501")
    assert (done.returncode, done.stderr) == (2, f"{config} names no model\n")
    assert models_sh("available").returncode == 2


def test_an_image_without_a_models_version_is_not_built(models: Path, tmp_path: Path) -> None:
    assert models_sh("published", models / "models.config").returncode == 0
    config = tmp_path / "models.config"
    text = (models / "models.config").read_text("utf-8")
    config.write_text(text.replace("/detector", "/absent"), encoding="utf-8")
    done = models_sh("published", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{models}/absent holds no version: export the model")


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


def test_everything_the_dashboard_draws_is_measured(server: RunningServer) -> None:
    body = json.dumps({"instances": [1.0, 2.0]}).encode()
    url = f"{server.rest}/v1/models/classifier:predict"
    with urllib.request.urlopen(url, body, timeout=30) as answer:  # noqa: S310
        assert json.load(answer) == {"predictions": [2.5, 3.0]}

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


def scrape(server: RunningServer) -> str:
    """Read the metrics from where Prometheus is told to look."""
    (job,) = yaml.safe_load((SERVING_CONFIG / "prometheus.yml").read_text("utf-8"))[
        "scrape_configs"
    ]
    with urllib.request.urlopen(server.rest + job["metrics_path"], timeout=30) as answer:  # noqa: S310
        return answer.read().decode()


def test_prometheus_and_grafana_look_where_things_are(
    compose: Manifest, manifests: dict[str, Manifest]
) -> None:
    services = compose["services"]
    config = yaml.safe_load((SERVING_CONFIG / "prometheus.yml").read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert host in services
    assert f"127.0.0.1:{port}:{port}" in services[host]["ports"]
    mounted = {volume.split(":")[1] for volume in services["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= mounted

    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]["annotations"]
    assert pod["prometheus.io/path"] == job["metrics_path"]
    assert runtime["prometheus.kserve.io/path"] == job["metrics_path"]

    provisioning = SERVING_CONFIG / "grafana" / "provisioning"
    (source,) = _read(provisioning / "datasources" / "prometheus.yml")["datasources"]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert f"127.0.0.1:{port}:{port}" in services[host]["ports"]
    (provider,) = _read(provisioning / "dashboards" / "serving.yml")["providers"]
    folders = {volume.split(":")[1] for volume in services["grafana"]["volumes"]}
    assert provider["options"]["path"] in folders
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
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
