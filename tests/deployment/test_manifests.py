"""The Kubernetes and KServe manifests: the real schemas accept them, and they agree."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from model_server.errors import UsageError
from model_server.models.config_file import read_model_config_file
from model_server.options import ServerOptions
from model_server.parsing import parse, without_own_flags
from serving_config import toolkit_contracts
from tests.deployment.conftest import SERVING_CONFIG, Manifest
from tests.running import PATIENCE_S

PATHS = sorted(
    str(path.relative_to(SERVING_CONFIG))
    for folder in ("kubernetes", "kserve")
    for path in (SERVING_CONFIG / folder).rglob("*.yaml")
    if path.name != "kustomization.yaml"
)
MODELS = sorted(path.stem for path in toolkit_contracts.DIRECTORY.glob("*.json"))
REMOVED = object()
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.mark.parametrize("path", PATHS)
def test_the_real_schema_accepts(
    path: str, manifests: dict[str, Manifest], validate: Callable[[Manifest], None]
) -> None:
    validate(manifests[path])


@pytest.mark.parametrize(
    ("path", "place", "value", "complaint"),
    [
        ("kubernetes/deployment.yaml", "spec.template.spec.containers.0.image", 7, "not of type"),
        ("kubernetes/deployment.yaml", "spec.strategy.maxSurge", 1, "maxSurge"),
        ("kubernetes/deployment.yaml", "spec.selector", REMOVED, "'selector' is a required"),
        (
            "kubernetes/deployment.yaml",
            "spec.template.spec.containers.0.livenessProbe.grpc.port",
            "grpc",
            "not of type",
        ),
        ("kubernetes/service.yaml", "spec.ports.0.port", "8500", "not of type"),
        ("kubernetes/autoscaler.yaml", "spec.maxReplicas", REMOVED, "'maxReplicas' is a required"),
        ("kubernetes/disruption_budget.yaml", "spec.maxUnavailabel", 1, "maxUnavailabel"),
        ("kubernetes/network_policy.yaml", "spec.ingres", [], "ingres"),
        ("kserve/serving_runtime.yaml", "spec.containers", REMOVED, "'containers' is a required"),
        ("kserve/serving_runtime.yaml", "spec.supportedModelFormat", [], "supportedModelFormat"),
        ("kserve/serving_runtime.yaml", "spec.containers.0.livenessProbe.grcp", {}, "grcp"),
        ("kserve/classifier.yaml", "spec.predictor", REMOVED, "'predictor' is a required"),
        ("kserve/classifier.yaml", "spec.predictor.model.storageURI", "pvc://x", "storageURI"),
        ("kserve/canary/classifier.yaml", "spec.predictor.canaryTrafficPercent", "10%", "integer"),
        ("kserve/canary/detector.yaml", "spec.canaryTrafficPercent", 10, "canaryTrafficPercent"),
    ],
)
def test_the_real_schema_refuses_a_broken_manifest(
    path: str,
    place: str,
    value: Any,
    complaint: str,
    manifests: dict[str, Manifest],
    validate: Callable[[Manifest], None],
) -> None:
    broken = copy.deepcopy(manifests[path])
    *parents, last = place.split(".")
    inner: Any = broken
    for step in parents:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    if value is REMOVED:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(jsonschema.ValidationError) as caught:
        validate(broken)
    assert complaint in caught.value.message


@pytest.fixture(scope="module")
def options(command_lines: dict[str, list[str]]) -> dict[str, ServerOptions]:
    """What each command line says; parsing refuses unknown flags and wrong values."""
    return {source: parse(flags) for source, flags in command_lines.items()}


def test_every_flag_is_one_that_tensorflow_serving_knows(
    command_lines: dict[str, list[str]],
    options: dict[str, ServerOptions],
) -> None:
    assert options.keys() == command_lines.keys()
    for source, flags in command_lines.items():
        kept, dropped = without_own_flags(flags)
        assert kept == flags, f"{source}: written otherwise than a server shows it"
        assert dropped == [], f"{source}: flags that TensorFlow Serving does not have"


def test_every_server_answers_health_checks(options: dict[str, ServerOptions]) -> None:
    for source, said in options.items():
        assert said.enable_grpc_healthcheck_service, source


def test_no_server_batches(options: dict[str, ServerOptions]) -> None:
    for source, said in options.items():
        assert not said.enable_batching, f"{source}: it refuses calls"


def test_every_server_warms_its_models_up(options: dict[str, ServerOptions]) -> None:
    for source, said in options.items():
        assert said.enable_model_warmup, source


def test_every_server_has_threads_for_64_calls(options: dict[str, ServerOptions]) -> None:
    for source, said in options.items():
        assert said.grpc_max_threads >= 64, source


def test_an_unknown_flag_would_be_found(command_lines: dict[str, list[str]]) -> None:
    for flags in command_lines.values():
        with pytest.raises(UsageError, match="did you mean --grpc_max_threads"):
            parse([*flags, "--grpc_max_thread=8"])


def test_the_pool_is_as_large_as_the_cpu_limit(manifests: dict[str, Manifest]) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    for container in (
        pod["containers"][0],
        manifests["kserve/serving_runtime.yaml"]["spec"]["containers"][0],
    ):
        limit = int(container["resources"]["limits"]["cpu"])
        assert parse(container["args"]).inter_op_threads == limit


@pytest.fixture(scope="module")
def template(manifests: dict[str, Manifest]) -> Manifest:
    """The deployment's pods."""
    found: Manifest = manifests["kubernetes/deployment.yaml"]["spec"]["template"]
    return found


@pytest.fixture(scope="module")
def runtime(manifests: dict[str, Manifest]) -> Manifest:
    """What KServe runs for either model."""
    found: Manifest = manifests["kserve/serving_runtime.yaml"]["spec"]
    return found


@pytest.fixture(scope="module")
def ports(template: Manifest) -> dict[str, int]:
    """The ports of a deployment's container, by name."""
    (container,) = template["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def test_the_pods_ports_are_those_the_server_listens_on(
    ports: dict[str, int], options: dict[str, ServerOptions]
) -> None:
    said = options["kubernetes/deployment.yaml"]
    assert ports == {"grpc": said.port, "rest": said.rest_api_port}


def test_the_liveness_probe_asks_over_grpc(
    template: Manifest, options: dict[str, ServerOptions]
) -> None:
    (container,) = template["spec"]["containers"]
    port = options["kubernetes/deployment.yaml"].port
    assert container["livenessProbe"]["grpc"]["port"] == port


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe"])
def test_the_other_probes_are_the_images_health_check(
    template: Manifest, dockerfile: dict[str, list[str]], probe: str
) -> None:
    (container,) = template["spec"]["containers"]
    health_check = json.loads(dockerfile["HEALTHCHECK"][0].partition("CMD")[2])
    assert container[probe]["exec"]["command"] == health_check


def test_prometheus_is_sent_to_the_pods_rest_port(
    template: Manifest, options: dict[str, ServerOptions]
) -> None:
    port = options["kubernetes/deployment.yaml"].rest_api_port
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(port)


def test_the_service_passes_the_pods_ports_on_as_they_are(
    manifests: dict[str, Manifest], ports: dict[str, int]
) -> None:
    for port in manifests["kubernetes/service.yaml"]["spec"]["ports"]:
        assert port["targetPort"] == port["name"]
        assert port["port"] == ports[port["name"]]


def test_the_network_policy_opens_both_ports_to_clients_and_rest_to_prometheus(
    manifests: dict[str, Manifest], ports: dict[str, int], options: dict[str, ServerOptions]
) -> None:
    clients, prometheus = manifests["kubernetes/network_policy.yaml"]["spec"]["ingress"]
    assert {port["port"] for port in clients["ports"]} == set(ports.values())
    rest = options["kubernetes/deployment.yaml"].rest_api_port
    assert [port["port"] for port in prometheus["ports"]] == [rest]


def test_kserve_reaches_the_server_where_it_listens(
    runtime: Manifest, options: dict[str, ServerOptions]
) -> None:
    port = options["kserve/serving_runtime.yaml"].port
    (container,) = runtime["containers"]
    assert [each["containerPort"] for each in container["ports"]] == [port]


def test_kserves_probes_ask_where_the_server_listens(
    runtime: Manifest, options: dict[str, ServerOptions]
) -> None:
    port = options["kserve/serving_runtime.yaml"].port
    (container,) = runtime["containers"]
    assert {container[p]["grpc"]["port"] for p in PROBES if p in container} == {port}


def test_prometheus_is_sent_to_kserves_rest_port(
    runtime: Manifest, options: dict[str, ServerOptions]
) -> None:
    port = options["kserve/serving_runtime.yaml"].rest_api_port
    assert runtime["annotations"]["prometheus.kserve.io/port"] == str(port)


def test_everything_selects_the_same_pods(manifests: dict[str, Manifest]) -> None:
    deployment = manifests["kubernetes/deployment.yaml"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
        manifests["kubernetes/service.yaml"]["spec"]["selector"],
        manifests["kubernetes/disruption_budget.yaml"]["spec"]["selector"]["matchLabels"],
        manifests["kubernetes/network_policy.yaml"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    target = manifests["kubernetes/autoscaler.yaml"]["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"], "the autoscaler owns it"


def test_grpc_is_balanced_over_a_headless_service(manifests: dict[str, Manifest]) -> None:
    assert manifests["kubernetes/service.yaml"]["spec"]["clusterIP"] == "None"


def test_a_pod_drains_before_it_ends(manifests: dict[str, Manifest]) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < sleep < pod["terminationGracePeriodSeconds"]
    assert pod["shareProcessNamespace"], "process 1 without a SIGTERM handler cannot be ended"


@pytest.fixture(scope="module")
def contexts(template: Manifest, runtime: Manifest) -> list[dict[str, Any]]:
    """The security context of every container, the pod's included."""
    return [
        {**owner.get("securityContext", {}), **container["securityContext"]}
        for owner in (template["spec"], runtime)
        for container in owner["containers"]
    ]


def test_containers_do_not_run_as_root(contexts: list[dict[str, Any]]) -> None:
    for context in contexts:
        assert context["runAsNonRoot"]
        assert context["runAsUser"] > 0


def test_containers_are_confined(contexts: list[dict[str, Any]]) -> None:
    confined = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for context in contexts:
        assert {name: context[name] for name in confined} == confined


def test_containers_request_and_are_limited_to_cpu_and_memory(
    template: Manifest, runtime: Manifest
) -> None:
    for owner in (template["spec"], runtime):
        for container in owner["containers"]:
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys()


def test_models_config_names_the_contracts_models() -> None:
    configs = read_model_config_file(SERVING_CONFIG / "models.config")
    assert sorted(config.name for config in configs) == MODELS
    for config in configs:
        assert config.base_path == Path("/models") / config.name


@pytest.mark.parametrize("folder", ["kserve", "kserve/canary"])
@pytest.mark.parametrize("model", MODELS)
def test_kserve_has_an_inference_service_and_a_canary_for_each_model(
    model: str, folder: str, manifests: dict[str, Manifest]
) -> None:
    assert manifests[f"{folder}/{model}.yaml"]["metadata"]["name"] == model


@pytest.mark.parametrize("folder", ["kserve", "kserve/canary"])
@pytest.mark.parametrize("model", MODELS)
def test_the_runtime_serves_what_an_inference_service_wants(
    model: str, folder: str, manifests: dict[str, Manifest]
) -> None:
    runtime = manifests["kserve/serving_runtime.yaml"]
    wanted = manifests[f"{folder}/{model}.yaml"]["spec"]["predictor"]["model"]
    assert wanted["runtime"] == runtime["metadata"]["name"]
    assert wanted["protocolVersion"] in runtime["spec"]["protocolVersions"]
    formats = [
        {"name": each["name"], "version": each["version"]}
        for each in runtime["spec"]["supportedModelFormats"]
    ]
    assert wanted["modelFormat"] in formats


@pytest.mark.parametrize("model", MODELS)
def test_a_canary_gets_a_share_of_the_traffic(model: str, manifests: dict[str, Manifest]) -> None:
    canary = manifests[f"kserve/canary/{model}.yaml"]
    assert 0 < canary["spec"]["predictor"]["canaryTrafficPercent"] < 100


@pytest.mark.parametrize("model", MODELS)
def test_a_canary_differs_in_its_share_of_the_traffic_and_its_model_alone(
    model: str, manifests: dict[str, Manifest]
) -> None:
    stable = manifests[f"kserve/{model}.yaml"]
    canary = manifests[f"kserve/canary/{model}.yaml"]
    predictor = copy.deepcopy(canary["spec"]["predictor"])
    del predictor["canaryTrafficPercent"]
    assert predictor["model"]["storageUri"] != stable["spec"]["predictor"]["model"]["storageUri"]
    predictor["model"]["storageUri"] = stable["spec"]["predictor"]["model"]["storageUri"]
    assert predictor == stable["spec"]["predictor"]
    assert canary["metadata"] == stable["metadata"]


@pytest.mark.parametrize("model", MODELS)
def test_a_models_configuration_is_where_kserve_mounts_it(model: str) -> None:
    (config,) = read_model_config_file(SERVING_CONFIG / "kserve" / f"{model}.config")
    assert (config.name, config.base_path) == (model, Path("/mnt/models"))


@pytest.mark.parametrize("model", MODELS)
def test_kserve_finds_each_models_configuration(
    model: str, runtime: Manifest, command_lines: dict[str, list[str]]
) -> None:
    # As KServe writes the name in, the flag must lead to the file that the ConfigMap mounts.
    flags = [
        flag.replace("{{.Name}}", model) for flag in command_lines["kserve/serving_runtime.yaml"]
    ]
    (volume,) = runtime["volumes"]
    (mount,) = runtime["containers"][0]["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert parse(flags).model_config_file == f"{mount['mountPath']}/{model}.config"


@pytest.mark.parametrize("model", MODELS)
def test_the_config_map_that_kserve_mounts_has_each_models_configuration(
    model: str, runtime: Manifest
) -> None:
    (volume,) = runtime["volumes"]
    (generated,) = _kustomization("kserve")["configMapGenerator"]
    assert generated["name"] == volume["configMap"]["name"]
    assert f"{model}.config" in generated["files"]


@pytest.mark.parametrize("folder", ["kubernetes", "kserve"])
def test_kustomization_lists_every_manifest(folder: str) -> None:
    there = {path.name for path in (SERVING_CONFIG / folder).glob("*.yaml")}
    assert set(_kustomization(folder)["resources"]) == there - {"kustomization.yaml"}


@pytest.mark.parametrize("folder", ["kubernetes", "kserve"])
def test_kubectl_builds(folder: str, validate: Callable[[Manifest], None]) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on PATH; the list of resources is compared without it")
    command = [kubectl, "kustomize", str(SERVING_CONFIG / folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    for manifest in yaml.safe_load_all(done.stdout):
        validate(manifest)
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "vision-serving"


def _kustomization(folder: str) -> dict[str, Any]:
    return yaml.safe_load((SERVING_CONFIG / folder / "kustomization.yaml").read_text("utf-8"))
