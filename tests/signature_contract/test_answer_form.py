"""Is an answer what its signature says? One file of cases holds Python and Java to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract import contract as contracts
from signature_contract.answer_form import answer_differences

GROUPS = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))
CASES = [(group["contract"], case) for group in GROUPS for case in group["cases"]]


def tensor(stated: Any) -> np.ndarray[Any, Any]:
    """Read ``{"dtype": …, "values": …}``, or values alone: float32, or text."""
    if isinstance(stated, dict):
        return np.array(stated["values"], stated["dtype"])
    array = np.array(stated)
    if array.dtype.kind != "U":
        return array.astype(np.float32)
    encoded = np.empty(array.size, dtype=object)
    encoded[:] = [text.encode() for text in array.flat]
    return encoded.reshape(array.shape)


@pytest.mark.parametrize(("contract", "case"), CASES, ids=lambda one: one.get("name"))
def test_an_answer_is_held_to_its_signature(contract: Any, case: Any) -> None:
    answer = {name: tensor(stated) for name, stated in case["answer"].items()}
    found = answer_differences("x", "s", answer, contracts.loads(json.dumps(contract)))
    assert list(map(str, found)) == case["differences"]
