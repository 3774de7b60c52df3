"""Several commands of ``saved_model_cli`` in one process, and one that ends it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from signature_contract.checking import saved_model_cli
from signature_contract.contract import Contract, Signature, TensorSpec
from signature_contract.golden import GoldenCase

# In the tool's place: what it prints, and a process that ends where it answers "deadly".
TOOL = '''
import os, sys
from pathlib import Path
import numpy as np

SHOWN = """MetaGraphDef with tag-set: 'serve' contains the following SignatureDefs:

signature_def['{0}']:
  The given SavedModel SignatureDef contains the following input(s):
    inputs['x'] tensor_info:
        dtype: DT_FLOAT
        shape: (-1)
        name: x:0
  The given SavedModel SignatureDef contains the following output(s):
    outputs['y'] tensor_info:
        dtype: DT_FLOAT
        shape: (-1)
        name: y:0
"""

def main():
    words = sys.argv[1:]
    if words[0] == "show":
        for key in ("deadly", "good", "refusing"):
            print(SHOWN.format(key))
        return
    given = dict(zip(words[1::2], words[2::2]))
    key = given["--signature_def"]
    if key == "deadly":
        print("F0000 cc.cc:1] Check failed: it is deadly", file=sys.__stderr__, flush=True)
        os.abort()
    if key == "refusing":
        raise ValueError("no such thing")
    name, file = given["--inputs"].split("=")
    np.save(Path(given["--outdir"]) / "y.npy", np.load(file) * 2)
    sys.exit(0)
'''


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "instead"
    for package in ("tensorflow", "tensorflow/python", "tensorflow/python/tools"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    (folder / "tensorflow/python/tools/saved_model_cli.py").write_text(TOOL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path.cwd())]))


@pytest.mark.usefixtures("tool")
def test_a_command_that_ends_the_process_is_one_finding_among_others(tmp_path: Path) -> None:
    spec = TensorSpec("float32", (-1,))
    keys = ("deadly", "good", "refusing")
    contract = Contract("m", {key: Signature({"x": spec}, {"y": spec}) for key in keys})
    x = np.array([1, 2], np.float32)
    cases = [GoldenCase(key, "one", {"x": x}, {"y": x * 2}) for key in keys]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    items = saved_model_cli.look(tmp_path, ["serve"], contract, cases, scratch)
    assert [item.name for item in items] == [
        "saved_model_cli show",
        *(f"saved_model_cli run {key}/one" for key in keys),
    ]
    shown, deadly, good, refusing = items
    assert not shown.differences
    assert deadly.differences[0].found == (
        "ended by SIGABRT (TensorFlow gave up on it): Check failed: it is deadly"
    )
    assert not good.differences
    assert good.distances == {"y": 0.0}
    assert refusing.differences[0].found == "exit 1: ValueError: no such thing"
