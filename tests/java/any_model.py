"""A model that is no image model, its contract, and a server that hosts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract.contract import Contract
from signature_contract.declared.saved_model import read_saved_model
from tests.once import Once
from tests.running import run_python

Tensors = dict[str, np.ndarray[Any, Any]]


def text(*items: str | bytes) -> np.ndarray[Any, Any]:
    """Return a vector of bytes."""
    encoded = [item.encode() if isinstance(item, str) else item for item in items]
    return np.array(encoded, dtype=object)


@pytest.fixture(scope="session")
def any_model(once: Once) -> Path:
    """The folder of a model's versions, version 1 among them."""

    def make(folder: Path) -> str:
        version = folder / "1"
        ran = run_python(Path(__file__).with_name("make_any.py"), version)
        assert ran.code == 0, ran.err
        return str(folder)

    return Path(once("java_any_model", make))


@pytest.fixture(scope="session")
def any_contract(any_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of that model: what it declares, and a range."""
    declared = read_saved_model(any_model / "1").signatures
    several = declared["several"]
    scale = replace(several.inputs["scale"], value_range=(0.0, 10.0))
    total = replace(several.outputs["total"], value_range=(-1000.0, 1000.0))
    several = replace(
        several,
        inputs={**several.inputs, "scale": scale},
        outputs={**several.outputs, "total": total},
    )
    file = tmp_path_factory.mktemp("any") / "contract.json"
    signatures = {**declared, "several": several}
    file.write_text(Contract("any", signatures).to_json(), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def any_target(any_model: Path, start_server: Callable[..., Any]) -> str:
    """The address of a server that hosts it."""
    return str(start_server("--model_name=any", f"--model_base_path={any_model}").target)


EVERY: Tensors = {
    "float16": np.array([1.5, 6e-8, -65504, np.inf, np.nan], np.float16),
    "bfloat16": np.array([1.5, 3e38, -1e-38, np.inf, np.nan], np.float32),
    "float32": np.array([1.1, 3e38, -1e-45, np.inf, np.nan], np.float32),
    "float64": np.array([1.1, 1e300, -5e-324, np.inf, np.nan]),
    "uint8": np.array([0, 1, 127, 128, 255], np.uint8),
    "uint16": np.array([0, 1, 32767, 32768, 65535], np.uint16),
    "int32": np.array([0, 1, -1, 2**31 - 1, -(2**31)], np.int32),
    "int64": np.array([0, 1, -1, 2**63 - 1, -(2**63)], np.int64),
    "bool": np.array([True, False, True, True, False]),
    "string": text("a", "", "ü", b"\xff", b"\0"),
}
