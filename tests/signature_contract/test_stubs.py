"""Typed clients that are written from a contract: they compile, and they ask."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signature_contract import contract as contracts
from signature_contract.contract import Contract
from signature_contract.contract_errors import ContractError
from signature_contract.stubs.java_stub import java_stub
from signature_contract.stubs.python_stub import python_stub
from tests.running import PATIENCE_S, REPO
from tests.signature_contract.fixtures import Held, vision_contract
from tests.signature_contract.test_format import GOOD

Hold = Callable[[str], Held]
AWKWARD = {
    "model": '3 "odd" \\ models',
    "contract_version": "2.1",
    "summary": 'It says """ and \\n and */ and <b>.',
    "signatures": {
        "class": {
            "summary": "A reserved word.",
            "inputs": {
                "import": {"dtype": "string", "shape": [-1], "meaning": '*/ \\u000a """'},
                "a-b": {"dtype": "bfloat16", "shape": None},
                "a_b": {"dtype": "complex64", "shape": []},
                "self": {"dtype": "int64", "shape": [], "default": 3},
            },
            "outputs": {
                "count": {"dtype": "bool", "shape": []},
                "1": {"dtype": "uint8", "shape": []},
            },
        },
        "close": {"inputs": {}, "outputs": {"hashCode": {"dtype": "float64", "shape": []}}},
    },
}


def every_contract() -> list[Contract]:
    awkward = contracts.loads(json.dumps(AWKWARD), "awkward")
    # Values of these cannot be held in memory, so there are no arrays of them to type.
    return [awkward, *(contracts.load(path) for path in GOOD if path.stem != "every_dtype")]


@pytest.mark.parametrize("contract", every_contract(), ids=lambda one: str(one.model))
def test_python_of_any_contract_is_python(contract: Contract) -> None:
    ast.parse(python_stub(contract))


@pytest.mark.long
def test_python_is_typed(tmp_path: Path) -> None:
    for number, contract in enumerate(every_contract()):
        (tmp_path / f"stub_{number}.py").write_text(python_stub(contract), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(tmp_path)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    found = [line for line in done.stdout.splitlines() if "stub_" in line]
    assert found == []


def test_a_package_that_java_does_not_know_is_refused() -> None:
    with pytest.raises(ContractError, match="no Java package can be called 'a-b'"):
        java_stub(every_contract()[0], "a-b")


@pytest.fixture(scope="module")
def server(
    held: Hold, start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A server of a model with inputs that may be left out."""
    base = tmp_path_factory.mktemp("stubs")
    (base / "1").symlink_to(held("defaults").model)
    server = start_server("--model_name=defaults", f"--model_base_path={base}")
    yield server
    server.stop()


ASK = """
import sys
import numpy as np
from stub import DefaultsClient
with DefaultsClient(sys.argv[1]) as client:
    x = np.array([1, 2], np.float32)
    print(client.serving_default(x=x).y.tolist())
    print(client.serving_default(x=x, factor=np.float32(10)[...]).y.tolist())
"""


def test_a_python_stub_asks(server: Any, held: Hold, tmp_path: Path) -> None:
    words = ("stubs", held("defaults").contract, "--language", "python")
    assert vision_contract(*words, "--out", tmp_path / "stub.py").code == 0
    done = subprocess.run(
        [sys.executable, "-c", ASK, server.target],
        env={"PYTHONPATH": f"{tmp_path}:{REPO}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.stdout.splitlines() == ["[5.5, 8.0]", "[13.0, 23.0]"], done.stderr


JAVA_ASK = """
import io.thecodeforge.ml.contract.TensorValue;
import org.example.DefaultsClient;

public class Ask {
  public static void main(String[] words) {
    try (DefaultsClient client = DefaultsClient.connect(words[0])) {
      TensorValue x = TensorValue.of(new float[] {1, 2}, 2);
      System.out.println(client.servingDefault(x).y().number(1));
      System.out.println(
          client
              .servingDefault(
                  x, TensorValue.of(new float[] {10}), TensorValue.of(new int[] {0, 0}, 2))
              .y()
              .number(1));
    }
  }
}
"""


def compile_java(jar: Path, folder: Path) -> None:
    libraries = f"{jar}:{jar.parent / 'lib'}/*"
    lint = ("-Xlint:all,-processing,-path", "-Werror", "-Xmaxerrs", "3")
    sources = folder.rglob("*.java")
    done = subprocess.run(
        ["javac", *lint, "-cp", libraries, "-d", folder / "classes", *sources],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


def test_java_of_any_contract_compiles(vision_client_jar: Path, tmp_path: Path) -> None:
    for number, contract in enumerate(every_contract()):
        package = f"of.stub{number}"
        text = java_stub(contract, package)
        name = text.partition("public final class ")[2].partition(" ")[0]
        folder = tmp_path / package.replace(".", "/")
        folder.mkdir(parents=True)
        (folder / f"{name}.java").write_text(text, encoding="utf-8")
    compile_java(vision_client_jar, tmp_path)


def test_a_java_stub_asks(server: Any, held: Hold, vision_client_jar: Path, tmp_path: Path) -> None:
    words = ("stubs", held("defaults").contract, "--language", "java", "--package", "org.example")
    assert vision_contract(*words, "--out", tmp_path / "DefaultsClient.java").code == 0
    (tmp_path / "Ask.java").write_text(JAVA_ASK, encoding="utf-8")
    compile_java(vision_client_jar, tmp_path)
    jars = f"{tmp_path / 'classes'}:{vision_client_jar}:{vision_client_jar.parent / 'lib'}/*"
    done = subprocess.run(
        ["java", "-cp", jars, "Ask", server.target],  # noqa: S607  # the JDK on PATH
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.stdout.splitlines() == ["8.0", "20.0"], done.stderr
