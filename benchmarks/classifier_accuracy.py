"""Train the classifier with the default settings on a folder of class folders, once a seed.

    python benchmarks/classifier_accuracy.py DATA [--seeds 0 1 2]

Runs ``python -m export classifier`` as a user does (training, export, verification, publication
into a temporary directory) and prints one JSON line a seed: accuracy on the held-out fifth after
each phase, and wall-clock seconds of the whole command, start of the interpreter included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Run every seed; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as models:
            command = [sys.executable, "-m", "export", "classifier", f"--seed={seed}"]
            started = time.monotonic()
            done = subprocess.run(
                [*command, f"--data={arguments.data}", f"--out={models}"],
                capture_output=True,
                text=True,
                check=False,
            )
            seconds = time.monotonic() - started
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        result = json.loads(done.stdout.splitlines()[-1])
        line = {
            "seed": seed,
            "accuracy": {number: phase["accuracy"] for number, phase in result["phases"].items()},
            "kept_phase": result["kept_phase"],
            "photographs": result["photographs"],
            "weights": result["weights"]["source"],
            "max_distance": result["max_distance"],
            "seconds": round(seconds, 1),
        }
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
