"""How much memory a detector's training, its publication and its verification need.

    python benchmarks/training_memory.py DATA [--backbones NAME…] [--sides 128 416]

DATA is a folder of labelled images. Each backbone goes through both phases once, an epoch each, at
the default batch size, with and without ``model.tflite``. Darknet53's weights are random ones in
Darknet's own file: its host is not reached everywhere, and memory does not depend on them. One JSON
line a training: the most that one of its processes had resident, and of ``export verify``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
BACKBONES = ("yolov3_tiny_3l", "darknet53")
WRITE = """
import sys
from pathlib import Path
from export.detector import darknet, networks
darknet.write(Path(sys.argv[1]), [networks.darknet53(64)])
"""


def main() -> None:
    """Train, publish and verify; print a JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=BACKBONES)
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 416])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        weights = {"yolov3_tiny_3l": "auto", "darknet53": f"{scratch}/darknet53.conv.74"}
        peak_of(sys.executable, "-c", WRITE, weights["darknet53"])
        data = arguments.data.resolve()
        for backbone in arguments.backbones:
            for side in arguments.sides:
                for tflite in ("--no-tflite", "--tflite=float32"):
                    said, peak = peak_of(
                        *(sys.executable, "-m", "export", "detector", f"--data={data}"),
                        *(f"--out={scratch}/models", f"--backbone={backbone}"),
                        *(f"--weights={weights[backbone]}", f"--image-size={side}", tflite),
                        *("--views=1", "--epochs=1", "--fine-tune-epochs=1"),
                    )
                    version = json.loads(said.splitlines()[-1])["path"]
                    _, verified = peak_of(sys.executable, "-m", "export", "verify", version)
                    row = {"backbone": backbone, "side": side, "tflite": tflite}
                    print(json.dumps({**row, "peak_mb": peak, "verify_mb": verified}), flush=True)


def peak_of(*command: str) -> tuple[str, int]:
    """Run a command; return its output, and the megabytes that its largest process needed."""
    with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101  # for the type checker
        said = process.stdout.read()
        # Of this process and of those that it waited for itself.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return said, round(used.ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    main()
