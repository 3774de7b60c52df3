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
from model_server.parsing import parse, without_own_flags
from serving_config import contract
from tests.deployment.conftest import SERVING_CONFIG, Manifest
from tests.running import PATIENCE_S

PATHS = sorted(
    str(path.relative_to(SERVING_CONFIG))
    for folder in ("kubernetes", "kserve")
    for path in (SERVING_CONFIG / folder).rglob("*.yaml")
    if path.name != "kustomization.yaml"
)
MODELS = sorted(path.stem for path in contract.CONTRACTS_DIR.glob("*.json"))
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


def test_every_flag_is_one_that_tensorflow_serving_knows(
    command_lines: dict[str, list[str]],
) -> None:
    for source, flags in command_lines.items():
        options = parse(flags)  # refuses unknown flags and wrong values
        kept, dropped = without_own_flags(flags)
        assert kept == flags, f"{source}: written otherwise than a server shows it"
        assert dropped == [], f"{source}: flags that TensorFlow Serving does not have"
        assert options.enable_grpc_healthcheck_service, source
        assert not options.enable_batching, f"{source}: it refuses calls"
        assert options.enable_model_warmup, source
        assert options.grpc_max_threads >= 64, source


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


def test_ports_agree(
    manifests: dict[str, Manifest],
    command_lines: dict[str, list[str]],
    dockerfile: dict[str, list[str]],
) -> None:
    health_check = json.loads(dockerfile["HEALTHCHECK"][0].partition("CMD")[2])
    options = parse(command_lines["kubernetes/deployment.yaml"])
    template = manifests["kubernetes/deployment.yaml"]["spec"]["template"]
    container = template["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": options.port, "rest": options.rest_api_port}
    assert container["livenessProbe"]["grpc"]["port"] == options.port
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == health_check, "not the image's"
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(options.rest_api_port)

    for port in manifests["kubernetes/service.yaml"]["spec"]["ports"]:
        assert port["targetPort"] == port["name"]
        assert port["port"] == ports[port["name"]]

    clients, prometheus = manifests["kubernetes/network_policy.yaml"]["spec"]["ingress"]
    assert {port["port"] for port in clients["ports"]} == set(ports.values())
    assert [port["port"] for port in prometheus["ports"]] == [options.rest_api_port]

    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]
    kserve_options = parse(command_lines["kserve/serving_runtime.yaml"])
    container = runtime["containers"][0]
    assert [port["containerPort"] for port in container["ports"]] == [kserve_options.port]
    assert {container[p]["grpc"]["port"] for p in PROBES if p in container} == {kserve_options.port}
    assert runtime["annotations"]["prometheus.kserve.io/port"] == str(kserve_options.rest_api_port)


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


def test_containers_are_confined(manifests: dict[str, Manifest]) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]
    for owner in (pod, runtime):
        for container in owner["containers"]:
            context = {**owner.get("securityContext", {}), **container["securityContext"]}
            assert context["runAsNonRoot"]
            assert context["runAsUser"] > 0
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys()


def test_models_config_names_the_contracts_models() -> None:
    configs = read_model_config_file(SERVING_CONFIG / "models.config")
    assert sorted(config.name for config in configs) == MODELS
    for config in configs:
        assert config.base_path == Path("/models") / config.name


@pytest.mark.parametrize("model", MODELS)
def test_kserve_has_an_inference_service_and_a_canary_for_each_model(
    model: str, manifests: dict[str, Manifest]
) -> None:
    runtime = manifests["kserve/serving_runtime.yaml"]
    stable = manifests[f"kserve/{model}.yaml"]
    canary = manifests[f"kserve/canary/{model}.yaml"]
    for service in (stable, canary):
        assert service["metadata"]["name"] == model
        wanted = service["spec"]["predictor"]["model"]
        assert wanted["runtime"] == runtime["metadata"]["name"]
        assert wanted["protocolVersion"] in runtime["spec"]["protocolVersions"]
        formats = [
            {"name": each["name"], "version": each["version"]}
            for each in runtime["spec"]["supportedModelFormats"]
        ]
        assert wanted["modelFormat"] in formats

    # The canary is the same service but for its share of the traffic and its model.
    percent = canary["spec"]["predictor"]["canaryTrafficPercent"]
    assert 0 < percent < 100
    predictor = copy.deepcopy(canary["spec"]["predictor"])
    del predictor["canaryTrafficPercent"]
    assert predictor["model"]["storageUri"] != stable["spec"]["predictor"]["model"]["storageUri"]
    predictor["model"]["storageUri"] = stable["spec"]["predictor"]["model"]["storageUri"]
    assert predictor == stable["spec"]["predictor"]
    assert canary["metadata"] == stable["metadata"]


@pytest.mark.parametrize("model", MODELS)
def test_kserve_finds_each_models_configuration(
    model: str, manifests: dict[str, Manifest], command_lines: dict[str, list[str]]
) -> None:
    (config,) = read_model_config_file(SERVING_CONFIG / "kserve" / f"{model}.config")
    assert config.name == model
    assert config.base_path == Path("/mnt/models")

    # As KServe writes the name in, the flag must lead to the file that the ConfigMap mounts.
    flags = [
        flag.replace("{{.Name}}", model) for flag in command_lines["kserve/serving_runtime.yaml"]
    ]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]
    (volume,) = runtime["volumes"]
    (mount,) = runtime["containers"][0]["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert parse(flags).model_config_file == f"{mount['mountPath']}/{model}.config"
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
