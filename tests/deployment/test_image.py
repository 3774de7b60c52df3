"""Dockerfile.serving and compose.yaml: linted, and consistent with the server's own files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import compose_spec
import pytest

from model_server.parsing import parse
from tests.deployment.conftest import REPO, SERVING_CONFIG, Manifest
from tests.running import PATIENCE_S

BIN = Path(sys.executable).parent
IN_IMAGE = "/etc/vision-serving"


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "hadolint"), "--failure-threshold=style", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_hadolint_accepts_the_dockerfile() -> None:
    done = hadolint(REPO / "Dockerfile.serving")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (
            "${TENSORFLOW_SERVING_TAG}${TENSORFLOW_SERVING_DIGEST:+@${TENSORFLOW_SERVING_DIGEST}}",
            "latest",
            "DL3007",
        ),
        ('ENTRYPOINT ["/usr/bin/tensorflow_model_server"]', "ENTRYPOINT serve", "DL3025"),
        ("USER 65532:65532", "USER root", "DL3002"),
        ("EXPOSE 8500 8501", "EXPOSE 85000", "DL3011"),
        ("COPY --chmod=0755 ", "COPIES ", "unexpected 'C'"),
    ],
)
def test_hadolint_refuses_a_broken_dockerfile(
    old: str, new: str, rule: str, tmp_path: Path
) -> None:
    text = (REPO / "Dockerfile.serving").read_text("utf-8")
    assert old in text
    broken = tmp_path / "Dockerfile"
    broken.write_text(text.replace(old, new), encoding="utf-8")
    done = hadolint(broken)
    assert done.returncode == 1
    assert rule in done.stdout


def test_shellcheck_accepts_the_script() -> None:
    command = [str(BIN / "shellcheck"), str(SERVING_CONFIG / "image" / "models.sh")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout


def test_the_base_is_the_official_image_pinned_by_tag_and_by_digest_on_request(
    dockerfile: dict[str, list[str]],
) -> None:
    defaults = dict(argument.split("=", 1) for argument in dockerfile["ARG"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", defaults["TENSORFLOW_SERVING_TAG"])
    (base,) = dockerfile["FROM"]
    assert base == (
        "tensorflow/serving:${TENSORFLOW_SERVING_TAG}"
        "${TENSORFLOW_SERVING_DIGEST:+@${TENSORFLOW_SERVING_DIGEST}}"
    )


def test_the_image_runs_as_a_numbered_user_that_is_not_root(
    dockerfile: dict[str, list[str]], manifests: dict[str, Manifest]
) -> None:
    user, _, _group = dockerfile["USER"][-1].partition(":")
    pod = manifests["kubernetes/deployment.yaml"]["spec"]["template"]["spec"]
    runtime = manifests["kserve/serving_runtime.yaml"]["spec"]["containers"][0]
    assert int(user) > 0
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert runtime["securityContext"]["runAsUser"] == int(user)


def test_every_file_that_a_flag_names_is_copied_into_the_image(
    dockerfile: dict[str, list[str]], command_lines: dict[str, list[str]]
) -> None:
    copied = {
        f"{line.split()[-1].removesuffix('/')}/{Path(source).name}"
        if line.endswith("/")
        else line.split()[-1]
        for line in dockerfile["COPY"]
        for source in line.split()[:-1]
    }
    for source, flags in command_lines.items():
        options = parse(flags)
        named = {options.monitoring_config_file}
        assert not options.batching_parameters_file, source
        if options.model_config_file.startswith(f"{IN_IMAGE}/"):
            named.add(options.model_config_file)
        assert named <= copied, source
    assert f"{IN_IMAGE}/batching.config" in copied, "the option that its comments offer"


def test_the_health_check_asks_the_rest_port_about_the_models_it_serves(
    dockerfile: dict[str, list[str]], command_lines: dict[str, list[str]]
) -> None:
    options = parse(command_lines["Dockerfile.serving"])
    command = json.loads(dockerfile["HEALTHCHECK"][0].partition("CMD")[2])
    assert command[-3:] == ["available", options.model_config_file, str(options.rest_api_port)]
    exposed = {int(port) for port in dockerfile["EXPOSE"][0].split()}
    assert exposed == {options.port, options.rest_api_port}
    assert any(command[1] in line.split() for line in dockerfile["COPY"])


def test_the_sources_that_are_copied_exist_and_are_in_the_build_context(
    dockerfile: dict[str, list[str]],
) -> None:
    defaults = dict(argument.split("=", 1) for argument in dockerfile["ARG"])
    left_out = (REPO / ".dockerignore").read_text("utf-8").splitlines()
    for line in dockerfile["COPY"]:
        for source in [word for word in line.split()[:-1] if not word.startswith("--")]:
            path = re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], source)
            assert Path(path).parts[0] not in left_out
            if path != defaults["MODELS"]:  # what the user exports
                assert (REPO / path).is_file(), path


def test_the_compose_specification_accepts_the_file() -> None:
    text = (REPO / "compose.yaml").read_text("utf-8")
    assert compose_spec.PyCompose.from_yaml(text).service_names() == [
        "serving",
        "prometheus",
        "grafana",
    ]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("read_only: true", "read_onyl: true", "read_onyl"),
        ("127.0.0.1:3000:3000", "127.0.0.1:3000:x", "port"),
        ("condition: service_healthy", "condition: service_well", "service_well"),
        ("mem_limit: 2g", "mem_limit: much", "much"),
    ],
)
def test_the_compose_specification_refuses_a_broken_file(
    old: str, new: str, complaint: str
) -> None:
    text = (REPO / "compose.yaml").read_text("utf-8")
    assert old in text
    with pytest.raises(ValueError, match=complaint):
        compose_spec.PyCompose.from_yaml(text.replace(old, new, 1))


def test_a_service_depends_on_services_that_are_there(compose: Manifest) -> None:
    services = compose["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()


def test_a_service_mounts_what_is_there(compose: Manifest) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (REPO / source).exists(), volume


def test_an_image_that_is_not_built_here_has_a_version(compose: Manifest) -> None:
    for service in compose["services"].values():
        image = service["image"]
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", image), f"{image}: no version"


def test_compose_builds_the_dockerfile_with_arguments_that_it_has(
    compose: Manifest, dockerfile: dict[str, list[str]]
) -> None:
    build = compose["services"]["serving"]["build"]
    assert (REPO / build["dockerfile"]).is_file()
    assert build["args"].keys() <= {line.split("=")[0] for line in dockerfile["ARG"]}


def test_compose_publishes_the_ports_that_the_server_listens_on(
    compose: Manifest, command_lines: dict[str, list[str]]
) -> None:
    options = parse(command_lines["Dockerfile.serving"])
    published = {int(port.split(":")[-1]) for port in compose["services"]["serving"]["ports"]}
    assert published == {options.port, options.rest_api_port}


def test_nothing_listens_beyond_this_machine(compose: Manifest) -> None:
    # Nothing here asks who calls.
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
