"""``Dockerfile.serving`` built and run: read-only, without rights, by its own user, to its end."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from signature_contract import contract as contracts
from signature_contract import golden
from tests.deployment.conftest import REPO, Manifest
from tests.deployment.containers import Engine, inside, make_base
from tests.running import PATIENCE_S

GRACE_S = 60
IMAGE = "vision-forge-serving"

HEALTH = """
import sys, grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
with grpc.insecure_channel("localhost:" + sys.argv[1]) as channel:
    request = health_pb2.HealthCheckRequest(service=sys.argv[2])
    print(health_pb2_grpc.HealthStub(channel).Check(request, timeout=600).status)
"""


@pytest.fixture(scope="module")
def context(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with MODELS in it, and with what publishing and training may leave there."""
    context = tmp_path_factory.mktemp("context")
    for name in ("Dockerfile.serving", ".dockerignore"):
        shutil.copy(REPO / name, context)
    shutil.copytree(REPO / "serving_config", context / "serving_config")
    shutil.copytree(models, context / "models")
    for name in (".staging-x1/version", ".work-1234"):
        left = context / "models" / "classifier" / name
        left.mkdir(parents=True)
        (left / "left.bin").touch()
    return context


@pytest.fixture(scope="module")
def image(
    engine: Engine,
    context: Path,
    dockerfile: dict[str, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The image that the Dockerfile makes, from a stand-in for its base."""
    tag = dict(argument.split("=", 1) for argument in dockerfile["ARG"])["TENSORFLOW_SERVING_TAG"]
    make_base(engine, tmp_path_factory.mktemp("base") / "root", f"tensorflow/serving:{tag}")
    engine.buildah(
        *("build-using-dockerfile", "--format=docker", "--pull-never", "--isolation=chroot"),
        *(f"--tag={IMAGE}", "--build-arg=MODELS=models"),
        *(f"--file={context / 'Dockerfile.serving'}", context),
    )
    return IMAGE


@pytest.fixture(scope="module")
def container(engine: Engine, image: str, compose: Manifest) -> int:
    """The process of a container that runs as compose.yaml says and is healthy by its own check."""
    service = compose["services"]["serving"]
    assert service["read_only"]
    assert "healthcheck" not in service, "the image's own is run"
    options = ["--read-only", *(f"--tmpfs={place}" for place in service["tmpfs"])]
    options += [f"--cap-drop={name}" for name in service["cap_drop"]]
    options += [f"--security-opt={name.removesuffix(':true')}" for name in service["security_opt"]]
    options += ["--init"] * service["init"] + [f"--memory={service['mem_limit']}"]
    process = engine.start("serving", image, *options)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        check = engine.try_podman("healthcheck", "run", "serving")
        if check.returncode == 0:
            return process
        log = engine.try_podman("logs", "serving").stderr
        running = engine.podman("inspect", "serving", "--format={{.State.Running}}").strip()
        assert running == "true", f"it ended:\n{log}"
        assert time.monotonic() < deadline, f"not healthy ({check.stdout}{check.stderr}):\n{log}"


def test_an_image_of_models_that_are_not_there_is_not_built(
    engine: Engine, image: str, context: Path
) -> None:
    assert image
    (context / "none").mkdir()
    with pytest.raises(Exception, match="build-using-dockerfile") as caught:
        engine.buildah(
            *("build-using-dockerfile", "--pull-never", "--isolation=chroot"),
            *("--build-arg=MODELS=none", f"--file={context / 'Dockerfile.serving'}", context),
        )
    assert "/models/classifier holds no version" in "".join(caught.value.__notes__)


def test_nothing_is_in_it_that_no_server_needs(engine: Engine, container: int) -> None:
    assert container
    script = "shopt -s globstar dotglob; printf '%s\\n' /models/**"
    found = engine.podman("exec", "serving", "/bin/bash", "-c", script).split()
    assert "/models/classifier/1/assets.extra/tf_serving_warmup_requests" in found
    for part in (".staging", ".work", "lineage.db", ".keras"):
        assert not [path for path in found if part in path]


def test_it_runs_as_nobody_without_rights_on_a_disk_it_cannot_write(
    engine: Engine, container: int
) -> None:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{container}/status").read_text().splitlines()
    )
    assert status["Uid"].split() == ["65532"] * 4
    assert status["Gid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    for place in ("/etc/x", "/models/x", "/usr/local/bin/x"):
        done = engine.try_podman("exec", "serving", "/bin/bash", "-c", f"echo > {place}")
        assert "Read-only file system" in done.stderr


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_both_models_answer(model: str, container: int, models: Path, tmp_path: Path) -> None:
    version = models / model / "1"
    contract = contracts.load(version)
    cases = golden.load(version, contract)
    one = next(case for case in cases if str(case) == "serving_bytes/one")
    picture = tmp_path / "one.jpg"
    picture.write_bytes(one.inputs["image_bytes"][0])
    checked = inside(
        container,
        *("-m", "python_client", "check", "--server=localhost:8500", "--model", model),
        f"--contract={version}",
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    command = {"classifier": "classify", "detector": "detect"}[model]
    asked = inside(
        container,
        *("-m", "python_client", command, "--server=localhost:8500", f"--contract={version}"),
        picture,
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    if model == "classifier":
        found = [answer["probabilities"][name] for name in contract.class_names]
        wanted = one.outputs["probabilities"][0]
    else:
        found = [detection["score"] for detection in answer["detections"]]  # the certain ones
        wanted = one.outputs["detection_scores"][0][: len(found)]
        assert found
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_the_deployments_probes_pass(
    engine: Engine, container: int, manifests: dict[str, Manifest]
) -> None:
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = pod["containers"][0][name]
        if "exec" in probe:
            engine.podman("exec", "serving", *probe["exec"]["command"])
        else:
            asked = inside(
                container, "-c", HEALTH, str(probe["grpc"]["port"]), probe["grpc"]["service"]
            )
            assert asked.stdout.strip() == "1", f"{name}: {asked.stderr}"


def test_the_health_check_names_a_model_that_is_not_served(engine: Engine, container: int) -> None:
    assert container
    # Into /tmp, the only place that can be written; a configuration without newlines.
    config = 'model_config_list { config { name: "ghost" } }'
    script = f"echo '{config}' > /tmp/c && /usr/local/bin/models.sh available /tmp/c 8501"
    done = engine.try_podman("exec", "serving", "/bin/bash", "-c", script)
    assert done.returncode == 1
    assert "ghost has no AVAILABLE version" in done.stderr


def test_it_ends_in_time_when_it_is_told_to(engine: Engine, container: int) -> None:
    assert container
    engine.podman("stop", f"--time={GRACE_S}", "serving")
    # 137 would be the kill at the end of the grace period.
    assert engine.podman("inspect", "serving", "--format={{.State.ExitCode}}").strip() == "0"
