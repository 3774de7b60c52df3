"""What the deployment's tests share: the shipped files and the real schemas."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment.containers import Engine
from tests.deployment.kserve_schema import KserveSchema
from tests.needs import demand
from tests.running import PATIENCE_S, free_ports

REPO = Path(__file__).resolve().parents[2]
SERVING_CONFIG = REPO / "serving_config"
KUBERNETES = "1.37.0"

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Images and containers, gone afterwards."""
    demand("containers")
    if os.geteuid() != 0:
        pytest.skip("only root may start containers")
    with tempfile.TemporaryDirectory(prefix="ct-") as folder:
        engine = Engine(Path(folder))
        try:
            yield engine
        finally:
            engine.close()


@pytest.fixture(scope="session")
def manifests() -> dict[str, Manifest]:
    """Every Kubernetes and KServe manifest by its path below ``serving_config/``."""
    return {
        str(path.relative_to(SERVING_CONFIG)): yaml.safe_load(path.read_text("utf-8"))
        for folder in ("kubernetes", "kserve")
        for path in sorted((SERVING_CONFIG / folder).rglob("*.yaml"))
        if path.name != "kustomization.yaml"
    }


@pytest.fixture(scope="session")
def compose() -> Manifest:
    """``compose.yaml``."""
    return yaml.safe_load((REPO / "compose.yaml").read_text("utf-8"))


@pytest.fixture(scope="session")
def dockerfile() -> dict[str, list[str]]:
    """``Dockerfile.serving``: arguments of its instructions by keyword, lines joined."""
    text = (REPO / "Dockerfile.serving").read_text("utf-8")
    text = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in filter(str.strip, text.splitlines()):
        keyword, _, rest = line.strip().partition(" ")
        found.setdefault(keyword, []).append(rest.strip())
    return found


@pytest.fixture(scope="session")
def command_lines(
    dockerfile: dict[str, list[str]], manifests: dict[str, Manifest]
) -> dict[str, list[str]]:
    """The server's flags wherever a file gives them, by that file."""
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]["containers"][0]
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    return {
        "Dockerfile.serving": json.loads(dockerfile["CMD"][0]),
        "kubernetes/deployment.yaml": pod["containers"][0]["args"],
        "kserve/serving_runtime.yaml": runtime["args"],
    }


@pytest.fixture(scope="session")
def models(
    published: Path, published_detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """``MODELS``: a published version of every model of ``models.config``, warm-up and all."""
    folder = tmp_path_factory.mktemp("deployed")
    for version in (published, published_detector):
        shutil.copytree(version, folder / version.parent.name / version.name, copy_function=os.link)
    return folder


@pytest.fixture(scope="session")
def on_this_machine(models: Path) -> Callable[[list[str]], list[str]]:
    """``on_this_machine(flags)``: a shipped command line but for ports and the places of files.

    A model configuration is copied to ``models`` with the base paths that hold there.
    """

    def place(flags: list[str]) -> list[str]:
        placed = []
        for flag in flags:
            name, _, value = flag.partition("=")
            if name in ("--port", "--rest_api_port"):
                continue
            if name == "--model_config_file":
                source = SERVING_CONFIG / Path(value).name
                if not source.is_file():
                    source = SERVING_CONFIG / "kserve" / source.name
                text = source.read_text("utf-8")
                text = text.replace('"/models/', f'"{models}/')
                text = text.replace('"/mnt/models"', f'"{models / source.stem}"')
                config = models / source.name
                config.write_text(text, encoding="utf-8")
                placed.append(f"{name}={config}")
            else:
                placed.append(flag.replace("/etc/vision-serving", str(SERVING_CONFIG)))
        return placed

    return place


@pytest.fixture(scope="session")
def kserve_schema(request: pytest.FixtureRequest) -> KserveSchema:
    """KServe's own models, from its wheel; fetched once and kept in pytest's cache."""
    folder = request.config.cache.mkdir("kserve")
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--require-hashes", f"--dest={folder}"]
        command += ["-r", str(Path(__file__).with_name("kserve.txt"))]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        if done.returncode and os.environ.get("CI") == "true":
            pytest.fail(f"the kserve wheel cannot be fetched:\n{done.stderr}")
        if done.returncode:
            pytest.skip("the kserve wheel cannot be fetched (no package index in reach)")
    return KserveSchema(next(folder.glob("*.whl")), KUBERNETES)


@pytest.fixture(scope="session")
def validate(request: pytest.FixtureRequest) -> Callable[[Manifest], None]:
    """Refuse a manifest that its kind's strict schema refuses (jsonschema's ValidationError)."""

    def check(manifest: Manifest) -> None:
        if manifest["apiVersion"].startswith("serving.kserve.io/"):
            schema: KserveSchema = request.getfixturevalue("kserve_schema")
            schema.validator(manifest["apiVersion"], manifest["kind"]).validate(manifest)
        else:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)

    return check


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    return free_ports(1)[0]
