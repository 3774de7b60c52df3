"""``examples/contract_in_ci`` as a stranger uses it, in a fresh environment without TensorFlow.

pytest, pre-commit and the GitHub Action each accept the model as it is, and refuse it with one
output renamed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import protos
from tests.once import Once
from tests.running import PATIENCE_S, REPO

pytestmark = pytest.mark.long

EXAMPLE = REPO / "examples" / "contract_in_ci"
# What a stranger's project installs; the versions are nobody's business here.
TOOLS = ("pytest", "pre-commit", "check-jsonschema")


def run(
    *words: str | Path, cwd: Path, code: int = 0, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program and return what it printed; it must end with this code."""
    ran = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env=dict(environment or os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    printed = ran.stdout + ran.stderr
    assert ran.returncode == code, printed
    return printed


@pytest.fixture(scope="session")
def repository(once: Once) -> Path:
    """This repository as GitHub and pre-commit clone it, with what is not committed yet."""

    def make(folder: Path) -> str:
        listed = run(
            *("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"), cwd=REPO
        )
        for name in filter(None, listed.split("\0")):
            if (REPO / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(REPO / name, folder / name)
        commit(folder)
        return str(folder)

    return Path(once("repository", make))


def commit(folder: Path) -> None:
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    who = ("-c", "user.name=stranger", "-c", "user.email=stranger@example.org")
    run("git", *who, "commit", "--quiet", "--message", "all of it", cwd=folder)


@pytest.fixture(scope="session")
def environment(once: Once, repository: Path) -> Path:
    """A virtual environment with this project, as it is by default, and a stranger's tools."""

    def make(folder: Path) -> str:
        run(sys.executable, "-m", "venv", folder, cwd=folder)
        source = Path(shutil.copytree(repository, folder / "source"))
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(folder / "bin" / "python", *install, source, *TOOLS, cwd=folder)
        shutil.rmtree(source)
        return str(folder)

    return Path(once("strangers_environment", make))


@pytest.fixture
def shell(environment: Path, tmp_path: Path) -> Mapping[str, str]:
    """The environment variables of a shell that uses the virtual environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COV_"))
    }
    return {
        **inherited,
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(environment),
        "PYTHONDONTWRITEBYTECODE": "1",  # all tests read the environment
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def rename_an_output(project: Path) -> None:
    file = project / "model" / "saved_model.pb"
    document = protos.SavedModel.FromString(file.read_bytes())
    outputs = document.meta_graphs[0].signature_def["rank"].outputs
    outputs["scores"].CopyFrom(outputs["probabilities"])
    del outputs["probabilities"]
    file.write_bytes(document.SerializeToString())


BROKEN = 'rank output "probabilities": expected it to be there, found nothing'


def test_there_is_no_tensorflow(environment: Path) -> None:
    run(environment / "bin" / "python", "-c", "import tensorflow", cwd=environment, code=1)


def test_pytest_without_a_server_looks_at_what_is_declared(
    project: Path, shell: Mapping[str, str]
) -> None:
    printed = run("pytest", "-q", cwd=project, environment=shell)
    assert "1 passed, 1 skipped" in printed
    rename_an_output(project)
    printed = run("pytest", "-q", cwd=project, environment=shell, code=1)
    assert BROKEN in printed
    assert "1 failed, 1 skipped" in printed


@pytest.fixture
def server(start_server: Callable[..., Any], tmp_path: Path) -> Any:
    """A server of the example's model."""
    base = tmp_path / "served"
    base.mkdir()
    (base / "1").symlink_to(EXAMPLE / "model")
    server = start_server("--model_name=ranker", f"--model_base_path={base}")
    yield server
    server.stop()


def test_pytest_with_a_server_has_a_test_for_each_rule_and_answer(
    project: Path, shell: Mapping[str, str], server: Any
) -> None:
    words = ("pytest", "-v", "--contract", "ranker.contract.json", "--model", server.target)
    printed = run(*words, cwd=project, environment=shell)
    assert "ranker.contract.json::golden rank/requests_1 PASSED" in printed
    assert "ranker.contract.json::rule output-missing PASSED" in printed
    assert "test_its_answers_are_near_the_golden_ones PASSED" in printed


def test_pytest_names_what_broke(project: Path, shell: Mapping[str, str], server: Any) -> None:
    contract = project / "ranker.contract.json"
    text = contract.read_text(encoding="utf-8").replace('"readable"', '"legible"')
    contract.write_text(text, encoding="utf-8")
    golden = project / "ranker.golden.npz"
    golden.unlink()
    words = ("pytest", "-v", "--contract", contract, "--model", server.target)
    printed = run(*words, cwd=project, environment=shell, code=1)
    assert "ranker.contract.json::rule output-missing FAILED" in printed
    assert "ranker.contract.json::rule input-missing PASSED" in printed
    assert 'rank output "legible": expected it to be there' in printed


def test_the_workflow_and_the_action_are_what_github_takes(
    environment: Path, shell: Mapping[str, str]
) -> None:
    check = environment / "bin" / "check-jsonschema"
    workflow = EXAMPLE / ".github" / "workflows" / "contract.yml"
    for schema, file in (("actions", REPO / "action.yml"), ("workflows", workflow)):
        run(
            *(check, "--builtin-schema", f"vendor.github-{schema}", file),
            cwd=REPO,
            environment=shell,
        )


def act(step: Mapping[str, Any], inputs: Mapping[str, str], shell: Mapping[str, str]) -> Any:
    """Return a step's script and environment as GitHub's runner fills them in."""

    def filled(text: str) -> str:
        for name, value in inputs.items():
            text = text.replace(f"${{{{ {name} }}}}", value)
        assert "${{" not in text
        return text

    return filled(step["run"]), {**shell, **{k: filled(v) for k, v in step["env"].items()}}


@pytest.fixture
def runner(environment: Path, shell: Mapping[str, str], tmp_path: Path) -> Mapping[str, str]:
    """The environment variables of a runner: its Python has the dependencies, and not this tool."""
    home = tmp_path / "runner"
    run(sys.executable, "-m", "venv", home, cwd=tmp_path)
    (packages,) = (home / "lib").glob("python*/site-packages")
    (installed,) = (environment / "lib").glob("python*/site-packages")
    for entry in installed.iterdir():
        ours = (REPO / entry.name).exists() or entry.name.startswith("vision_forge")
        if not ours and not (packages / entry.name).exists():
            (packages / entry.name).symlink_to(entry)
    return {**shell, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_the_action_holds_the_model(
    project: Path, repository: Path, runner: Mapping[str, str]
) -> None:
    action = yaml.safe_load((REPO / "action.yml").read_text(encoding="utf-8"))
    given = {"model": "model", "contract": "ranker.contract.json", "junit": "contract.xml"}
    given["options"] = "--static"
    inputs = {
        f"inputs.{name}": given.get(name, one.get("default", ""))
        for name, one in action["inputs"].items()
    }
    source = Path(shutil.copytree(repository, project.with_name("action")))
    inputs["github.action_path"] = str(source)
    install, check = action["runs"]["steps"]
    bash = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")

    script, variables = act(install, inputs, runner)
    run(*bash, script, cwd=project, environment=variables)
    script, variables = act(check, inputs, runner)
    printed = run(*bash, script, cwd=project, environment=variables)
    assert "::notice file=ranker.contract.json" in printed
    rename_an_output(project)
    printed = run(*bash, script, cwd=project, environment=variables, code=1)
    assert "::error file=ranker.contract.json,title=contract of ranker%3A output-missing" in printed
    assert '<failure type="output-missing"' in (project / "contract.xml").read_text()


def test_pre_commit_refuses_the_commit(
    project: Path, repository: Path, shell: Mapping[str, str]
) -> None:
    config = project / ".pre-commit-config.yaml"
    head = run("git", "rev-parse", "HEAD", cwd=repository).strip()
    text = config.read_text(encoding="utf-8")
    text = text.replace("https://github.com/OWNER/vision-forge", str(repository))
    config.write_text(text.replace("v0.1.0", head), encoding="utf-8")
    commit(project)
    printed = run("pre-commit", "run", "--all-files", cwd=project, environment=shell)
    assert printed.count("Passed") == 2
    rename_an_output(project)
    printed = run("pre-commit", "run", "--all-files", cwd=project, environment=shell, code=1)
    assert BROKEN in printed
    (project / "ranker.contract.json").write_text("{}", encoding="utf-8")
    printed = run("pre-commit", "run", "--all-files", cwd=project, environment=shell, code=1)
    assert "ranker.contract.json: the contract lacks contract_version" in printed
