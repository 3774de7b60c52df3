"""``Dockerfile.litert`` built and run: nothing of TensorFlow in it, and both models answer."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from signature_contract import contract as contracts
from signature_contract import golden
from tests.deployment.conftest import REPO
from tests.deployment.containers import Engine, inside, make_python_base
from tests.deployment.test_image import hadolint
from tests.running import PATIENCE_S

IMAGE = "vision-forge-litert"
BASE = "python:3.11-slim-bookworm"
SOURCES = (
    *("demo", "export", "model_server", "protos", "python_client", "serving_config"),
    "signature_contract",
)


def test_hadolint_accepts_it() -> None:
    done = hadolint(REPO / "Dockerfile.litert")
    assert done.returncode == 0, done.stdout


def test_it_names_every_package_of_the_project() -> None:
    lines = (REPO / "Dockerfile.litert").read_text("utf-8").splitlines()
    assert {f"COPY {name} ./{name}" for name in SOURCES} <= set(lines)


@pytest.fixture(scope="module")
def container(
    engine: Engine,
    models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> int:
    """The process of a healthy container of the image."""
    context = tmp_path_factory.mktemp("context")
    for name in (
        "Dockerfile.litert",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "requirements.lock",
    ):
        shutil.copy(REPO / name, context)
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPO / name, context / name, ignore=ignored)
    without = shutil.ignore_patterns("saved_model.pb", "variables", "model.keras")
    shutil.copytree(models, context / "models", ignore=without)
    make_python_base(engine, tmp_path_factory.mktemp("base") / "root", BASE)
    # The interpreter, and the certificates and settings by which pip reaches its index.
    places = [sys.base_prefix, "/etc/ssl", "/usr/lib", *filter(os.path.exists, ["/etc/pip.conf"])]
    pip = [f"--env={key}={value}" for key, value in os.environ.items() if key.startswith("PIP_")]
    engine.buildah(
        *("build-using-dockerfile", "--format=docker", "--pull-never", "--isolation=chroot"),
        *(f"--volume={place}:{place}:ro" for place in places),
        *pip,
        *(f"--tag={IMAGE}", "--build-arg=MODELS=models"),
        *(f"--file={context / 'Dockerfile.litert'}", context),
    )
    process = engine.start(
        "litert",
        IMAGE,
        *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--memory=512m"),
        mounts={place: place for place in (sys.base_prefix, "/usr/lib")},
    )
    deadline = time.monotonic() + PATIENCE_S
    while engine.try_podman("healthcheck", "run", "litert").returncode:
        log = engine.try_podman("logs", "litert").stderr
        running = engine.podman("inspect", "litert", "--format={{.State.Running}}").strip()
        assert running == "true", f"it ended:\n{log}"
        assert time.monotonic() < deadline, log
    return process


def test_tensorflow_is_not_in_it(engine: Engine, container: int) -> None:
    assert "libtensorflow" not in Path(f"/proc/{container}/maps").read_text()
    script = "shopt -s nullglob; printf '%s\\n' /usr/local/lib/python3*/site-packages/*"
    found = engine.podman("exec", "litert", "/bin/bash", "-c", script).split()
    packages = {Path(path).name for path in found}
    assert "ai_edge_litert" in packages
    assert not {one for one in packages if one.startswith(("tensorflow", "keras"))}


def test_it_runs_as_nobody(container: int) -> None:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{container}/status").read_text().splitlines()
    )
    assert status["Uid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == 0


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_both_models_answer(model: str, container: int, models: Path, tmp_path: Path) -> None:
    version = models / model / "1"
    contract = contracts.load(version)
    cases = golden.load(version, contract)
    one = next(case for case in cases if str(case) == "serving_bytes/one")
    picture = tmp_path / "one.jpg"
    picture.write_bytes(one.inputs["image_bytes"][0])
    command = {"classifier": "classify", "detector": "detect"}[model]
    asked = inside(
        container,
        *("-m", "python_client", command, "--server=localhost:8500", f"--contract={version}"),
        picture,
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    if model == "classifier":
        best = contract.class_names[one.outputs["probabilities"][0].argmax()]
        assert max(answer["probabilities"], key=answer["probabilities"].__getitem__) == best
    else:
        scores = [detection["score"] for detection in answer["detections"]]
        wanted = one.outputs["detection_scores"][0][: len(scores)]
        assert scores == pytest.approx(wanted.tolist(), abs=1e-4)


def test_it_ends_when_it_is_told_to(engine: Engine, container: int) -> None:
    assert container
    engine.podman("stop", "--time=60", "litert")
    assert engine.podman("inspect", "litert", "--format={{.State.ExitCode}}").strip() == "0"
