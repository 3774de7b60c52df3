"""The names of signatures and tensors: the contracts decide, one Python module repeats them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from serving_config import tensor_names, toolkit_contracts
from signature_contract import contract as contracts

REPO = Path(__file__).resolve().parents[2]

# Words that also mean other things: keys of results and records, names of layers.
AMBIGUOUS = {"classes", "logits", "probabilities"}

# TensorFlow Serving's own default, for any model: what a request without a key is about.
DEFAULT = "serving_default"
KNOW_THE_DEFAULT = {"model_server", "python_client", "serving_config"}

# It sends what no caller should; the names are among the nonsense on purpose.
EXEMPT = {"benchmarks/fuzz_server.py", "serving_config/tensor_names.py"}


def constants() -> dict[str, str]:
    return {name: value for name, value in vars(tensor_names).items() if name.isupper()}


def test_they_are_the_contracts_names() -> None:
    in_contracts: set[str] = set()
    for path in toolkit_contracts.DIRECTORY.glob("*.json"):
        for key, signature in contracts.load(path).signatures.items():
            in_contracts |= {key, *signature.inputs, *signature.outputs}
    assert set(constants().values()) == in_contracts
    assert all(name == value.upper() for name, value in constants().items())


def literals() -> Iterator[tuple[str, str]]:
    """Yield file and text of every string in the code, docstrings and parts of f-strings aside."""
    for package in (
        "export",
        "serving_config",
        "model_server",
        "python_client",
        "demo",
        "benchmarks",
    ):
        for path in sorted((REPO / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield path.relative_to(REPO).as_posix(), node.value


def test_no_other_code_spells_them_out() -> None:
    names = set(constants().values()) - AMBIGUOUS
    spelt_out = [
        (file, text)
        for file, text in literals()
        if text in names
        and file not in EXEMPT
        and not (text == DEFAULT and file.partition("/")[0] in KNOW_THE_DEFAULT)
    ]
    assert spelt_out == []
