"""How long a static check of a large SavedModel takes, and how much memory.

    python benchmarks/static_check.py [--megabytes 100] [--repeat 5]

The model is that of examples/contract_in_ci with one constant more, of the size that is asked for.
It is checked by ``vision-contract check --static`` in processes in which TensorFlow and NumPy
cannot be imported; beside it, what importing TensorFlow alone takes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import protos

REPO = Path(__file__).resolve().parents[1]
EXAMPLE = REPO / "examples" / "contract_in_ci"
# A process's own high-water mark: what rusage tells of a child includes its parent's at the fork.
MARK = """
import atexit, pathlib, sys
def mark():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(*(line.split()[1] for line in lines if line.startswith("VmHWM:")), file=sys.stderr)
atexit.register(mark)
"""
CHECK = f"""{MARK}
sys.modules.update(dict.fromkeys(["tensorflow", "numpy", "keras"]))  # importing them fails
from signature_contract.command_line.main import main
sys.exit(main(sys.argv[1:]))
"""


def measured(*words: str | Path) -> tuple[float, float]:
    """Return seconds and the largest resident megabytes of a process."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", *map(str, words)],
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, int(done.stderr.split()[-1]) / 1024


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model = Path(shutil.copytree(EXAMPLE / "model", Path(name) / "model"))
        file = model / "saved_model.pb"
        document = protos.SavedModel.FromString(file.read_bytes())
        node = document.meta_graphs[0].graph_def.node.add(name="weights", op="Const")
        content = os.urandom(arguments.megabytes * 10**6)
        node.attr["value"].tensor.tensor_content = content
        file.write_bytes(document.SerializeToString())
        contract = EXAMPLE / "ranker.contract.json"
        words = (CHECK, "check", model, "--contract", contract, "--static")
        checks = [measured(*words) for _ in range(arguments.repeat)]
        imports = [measured(f"{MARK}\nimport tensorflow") for _ in range(2)]
        result = {
            "saved_model_mb": round(file.stat().st_size / 1e6, 1),
            "static_check_s": round(statistics.median(s for s, _ in checks), 3),
            "static_check_mb": round(max(mb for _, mb in checks), 1),
            "importing_tensorflow_s": round(min(s for s, _ in imports), 2),
            "importing_tensorflow_mb": round(max(mb for _, mb in imports), 1),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
