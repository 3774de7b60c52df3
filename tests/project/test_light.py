"""The light installation: what suffices, what it says of the rest, what a wheel holds.

Each case is an interpreter of its own in which only the standard library, this project and what
``pyproject.toml`` demands without extras can be imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
OURS = sorted({name.partition(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]})
LIGHT = ("protos", "python_client", "serving_config", "signature_contract")
# Beside code, what it reads.
FILES = (
    *("*.py", "*.pyi", "py.typed", "*.schema.json", "contracts/*.json", "models.config"),
    *("*.binpb", "*.proto", "*.css", "*.j2"),
)
# What runs a model, in a process of its own, and what pytest loads say so in their names.
DEMANDING = {
    "signature_contract.checking.lite",
    "signature_contract.checking.cli_commands",
    "signature_contract.checking.session",
    "signature_contract.pytest_plugin",
}

HOOK = """
import importlib.abc, sys

class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {allowed!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Only())
"""


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def demanded_by(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that these requirements bring, theirs included, without extras."""
    found: set[str] = set()
    pending = list(requirements)
    while pending:
        name = name_of(pending.pop())
        if name not in found:
            found.add(name)
            needed = importlib.metadata.requires(name) or []
            pending += [one for one in needed if ";" not in one]
    return found


def light_modules() -> set[str]:
    """Return the top-level modules of a light installation."""
    base = demanded_by(PROJECT["project"]["dependencies"])
    tops = importlib.metadata.packages_distributions()
    return {top for top, names in tops.items() if base & set(map(name_of, names))} | set(OURS)


def light(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HOOK.format(allowed=light_modules()) + code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_base_is_small() -> None:
    base = set(map(name_of, PROJECT["project"]["dependencies"]))
    assert base == {"grpcio", "numpy", "protobuf"}


@pytest.mark.parametrize("package", LIGHT)
def test_the_base_suffices(package: str) -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__main__.py"
    }
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = light(code, *sorted(modules - DEMANDING))
    assert done.returncode == 0, done.stderr


def test_what_needs_more_is_known() -> None:
    for module in sorted(DEMANDING):
        done = light(f"import {module}")
        assert "ModuleNotFoundError" in done.stderr


def test_a_contract_is_read_without_anything() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by("import signature_contract")}
    assert not loaded & {"numpy", "tensorflow", "grpc", "google", "protos"}


def test_a_client_loads_nothing_of_the_check() -> None:
    loaded = loaded_by("import python_client")
    rooms = ("checking", "command_line", "declared", "golden", "recording", "stubs")
    assert not loaded & {f"signature_contract.{room}" for room in rooms}
    assert not {name.partition(".")[0] for name in loaded} & {"PIL", "keras", "tensorflow"}


EXPORT, SERVER = "export", "model_server"


def command(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` one of our programs in a light installation."""
    return light(f"from {program}.__main__ import main; sys.exit(main(sys.argv[1:]))", *words)


@pytest.mark.parametrize(
    ("program", "arguments", "extra"),
    [
        (EXPORT, "classifier --data {tmp} --out {tmp}", "train"),
        (EXPORT, "detector --data {tmp} --out {tmp}", "train"),
        (EXPORT, "evaluate classifier --model {tmp}", "evaluation"),
        (EXPORT, "evaluate detector {tmp} --data {tmp}", "evaluation"),
        (EXPORT, "tflite --model {tmp} --out {tmp}/edge", "edge"),
        (EXPORT, "lineage list --lineage {tmp}", "train"),
        (EXPORT, "report --model {tmp} --out {tmp}/page", "report"),
        (EXPORT, "experiment --data {tmp} --out {tmp}", "report"),
        (SERVER, "--server=embedded --model_name=m --model_base_path={tmp}", "serve"),
    ],
)
def test_what_lacks_an_extra_says_so(
    program: str, arguments: str, extra: str, tmp_path: Path
) -> None:
    # What a classifier's data set must have is looked at before what it needs is loaded.
    for name in ("cat/0.jpg", "cat/1.jpg", "dog/0.jpg", "dog/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    words = arguments.format(tmp=tmp_path).split()
    done = command(program, *words)
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert f"vision-forge[{extra}]" in done.stderr.splitlines()[-1]
    assert re.search(r"pip install ['\"]vision-forge", done.stderr.splitlines()[-1])


def test_verifying_without_tensorflow_says_so(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    contract = ROOT / "serving_config" / "contracts" / "classifier.json"
    done = command(EXPORT, "verify", str(tmp_path), "--contract", str(contract))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'vision-forge[train]'" in done.stderr


@pytest.mark.parametrize("subcommand", ["classifier", "evaluate", "lineage", "report", "verify"])
def test_help_needs_no_extra(subcommand: str) -> None:
    done = command(EXPORT, subcommand, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_server_answers_for_its_help_without_an_extra() -> None:
    for flag in ("--help", "--version"):
        done = command(SERVER, flag)
        assert done.returncode == 0, done.stderr


def requirements(extra: str) -> set[str]:
    """Return the names of all that an extra brings, those of the extras it names included."""
    found = set()
    for requirement in EXTRAS[extra]:
        if named := re.fullmatch(r"vision-forge\[(.+)\]", requirement):
            found |= {name for inner in named[1].split(",") for name in requirements(inner)}
        else:
            found.add(name_of(requirement))
    return found


def test_all_and_dev_bring_every_extra() -> None:
    users = EXTRAS.keys() - {"all", "dev", "demo"}
    assert requirements("all") == {name for extra in users for name in requirements(extra)}
    assert requirements("dev") >= requirements("all") | requirements("demo")


def test_the_lock_has_whatever_is_demanded() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", lock, re.MULTILINE))
    base = set(map(name_of, PROJECT["project"]["dependencies"]))
    assert base | requirements("dev") <= locked


def test_a_wheel_holds_every_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (info,) = {name.partition("/")[0] for name in held if ".dist-info/" in name}
        metadata = archive.read(f"{info}/METADATA").decode()
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    code = {
        path.relative_to(ROOT).as_posix()
        for top in OURS
        for pattern in FILES
        for path in (ROOT / top).rglob(pattern)
    }
    assert sorted(code - held) == []
    assert {name.partition("/")[0] for name in held} == {*OURS, info}
    without_extra = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert sorted(without_extra) == ["grpcio", "numpy", "protobuf"]
    assert set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)) == EXTRAS.keys()
    for script in PROJECT["project"]["scripts"]:
        assert script in scripts


def test_a_wheel_runs_light(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        + """
import json, python_client, signature_contract
from serving_config import toolkit_contracts
print(json.dumps([python_client.__file__, sorted(toolkit_contracts.names())]))
"""
    )
    done = light(code)
    assert done.returncode == 0, done.stderr
    place, names = json.loads(done.stdout)
    assert Path(place).is_relative_to(tmp_path)
    assert names == ["classifier", "detector"]
