"""The models' configuration: what may be empty, what comes later, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S, eventually
from tests.warm.warmth import warm_python

RELOAD = "ModelService/HandleReloadConfigRequest"


def config_text(base: Path, labels: dict[str, int]) -> str:
    assigned = " ".join(
        f"version_labels {{ key: '{label}' value: {version} }}" for label, version in labels.items()
    )
    return (
        f"model_config_list {{ config {{ name: 'toy' base_path: '{base}' "
        f"model_platform: 'tensorflow' model_version_policy {{ all {{}} }} {assigned} }} }}"
    )


def y(answer: Any) -> float:
    return answer.response.outputs["y"].float_val[0] if answer.code == "OK" else -1.0


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The configuration of a model that asks for XLA."""
    base = tmp_path_factory.mktemp("compiled")
    command = [warm_python(), str(Path(__file__).with_name("make_compiled.py")), str(base)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    return {"name": "compiled", "basePath": str(base), "modelPlatform": "tensorflow"}


def copy_two(scaled_toys: Path, folder: Path) -> Path:
    """Copy versions 1 and 2 of the toy and return their base path."""
    for version in ("1", "2"):
        shutil.copytree(scaled_toys / version, folder / "toy" / version)
    return folder / "toy"


@pytest.fixture
def base(tmp_path: Path, scaled_toys: Path) -> Path:
    """A base path with versions 1 and 2 of the toy, to which a test may add."""
    return copy_two(scaled_toys, tmp_path)


def test_a_server_without_models_gets_them_later(
    base: Path,
    scaled_toys: Path,
    compiled: dict[str, str],
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path: Path,
) -> None:
    """One story: models come over gRPC, are taken over by the file, get labels, and go."""
    config = tmp_path / "models.config"
    config.write_bytes(b"\xef\xbb\xbf# a byte-order mark, and no model yet\n")
    server = start_server(
        f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1"
    )
    call = caller(server.target)
    missing = call.predict([0.0])
    assert (missing.code, missing.message) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(toy)",
    )
    listed = {"name": "toy", "basePath": str(base), "modelPlatform": "tensorflow"}
    models = {"config": [listed, compiled]}
    assert call(RELOAD, {"config": {"modelConfigList": models}}).code == "OK"
    assert y(call.predict([0.0])) == 4.0
    # XLA is off unless a flag says otherwise.
    refused = call.predict([0.0], name="compiled")
    assert refused.code == "INTERNAL"
    assert "XLA compilation disabled" in refused.message
    # The file, which has no list, does not take the models away; once it has one, it counts.
    config.write_text(config_text(base, {}))
    eventually(lambda: y(call.predict([0.0], version="1")) == 2.0, "version 1 answering", server)

    # One label whose version is not there holds up the list, until the version is there.
    config.write_text(config_text(base, {"stable": 1, "canary": 3}))
    shutil.copytree(scaled_toys / "3", tmp_path / "coming")
    assert call.predict([0.0], versionLabel="stable").code == "INVALID_ARGUMENT"
    (tmp_path / "coming").rename(base / "3")
    eventually(lambda: y(call.predict([0.0], versionLabel="canary")) == 6.0, "canary", server)
    assert y(call.predict([0.0], versionLabel="stable")) == 2.0

    config.write_text("model_config_list {}")
    eventually(lambda: call.predict([0.0]).code == "NOT_FOUND", "the models going", server)
    assert server.stop() == 0


@pytest.fixture(scope="module")
def begun_empty(
    start_server: Callable[..., Any], caller: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Calls a server that began with an empty list of models, and with XLA."""
    config = tmp_path_factory.mktemp("empty") / "models.config"
    config.write_text("model_config_list {}")
    server = start_server(f"--model_config_file={config}", "--xla_cpu_compilation_enabled")
    yield caller(server.target)
    assert server.stop() == 0


@pytest.fixture(scope="module")
def toy(scaled_toys: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The configuration of versions 1 and 2 of the toy."""
    base = copy_two(scaled_toys, tmp_path_factory.mktemp("toy"))
    return {"name": "toy", "basePath": str(base), "modelPlatform": "tensorflow"}


def reload(call: Any, model: dict[str, Any], **fields: Any) -> Any:
    return call(RELOAD, {"config": {"modelConfigList": {"config": [model]}}, **fields})


@pytest.mark.parametrize(
    "logging",
    [
        {"logCollectorConfig": {"type": "nope"}, "samplingConfig": {"samplingRate": 1.0}},
        {},
    ],
    ids=["a collector", "nothing"],
)
def test_a_log_collector_is_refused_and_the_models_stay(
    begun_empty: Any, toy: dict[str, str], logging: dict[str, Any]
) -> None:
    # TensorFlow Serving's program has no log collector of any kind; it says so when the models are
    # loaded, and they stay.
    answer = reload(begun_empty, {**toy, "loggingConfig": logging})
    refused = ("INVALID_ARGUMENT", "No request-logger-creator provided.")
    assert (answer.code, answer.message) == refused
    assert y(begun_empty.predict([0.0])) == 4.0


def test_a_model_comes_to_a_server_that_began_without(
    begun_empty: Any, toy: dict[str, str]
) -> None:
    answer = reload(begun_empty, toy)
    assert (answer.code, answer.message) == ("OK", "")


def test_metrics_that_nobody_counts_have_not_changed(
    begun_empty: Any, compiled: dict[str, str]
) -> None:
    names = ["/tensorflow/cc/saved_model/load_attempt_count", "/nope", "/nope"]
    counted = reload(begun_empty, compiled, metricNames=names)
    assert {metric.name: metric.int64_value_increase for metric in counted.response.metric} == {
        "/tensorflow/cc/saved_model/load_attempt_count": 0,
        "/nope": 0,
    }


def test_a_model_that_asks_for_xla_answers_where_the_flag_allows_it(
    begun_empty: Any, compiled: dict[str, str]
) -> None:
    assert reload(begun_empty, compiled).code == "OK"
    assert y(begun_empty.predict([0.0], name="compiled")) == 2.0


def test_a_configuration_that_is_no_list_is_refused(begun_empty: Any) -> None:
    custom = b"\x0a\x05\x12\x03\x0a\x01x"  # config { custom_model_config { type_url: "x" } }
    answer = begun_empty(RELOAD, custom)
    assert (answer.code, answer.message) == (
        "INVALID_ARGUMENT",
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported",
    )
