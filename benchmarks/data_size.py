"""How time and memory of a classifier's training grow with the number of photographs.

    python benchmarks/data_size.py DATA [--sizes 1000 5000 20000] [--epochs 3]

DATA is a folder of class folders; the photographs are random crops of its own, so that no two are
the same file. Each training is a process of its own (``python -m export classifier``).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SHORTEST = 200  # pixels of a crop


def main() -> None:
    """Train at every size; print a JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_000, 20_000])
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for size in arguments.sizes:
            data = Path(scratch) / str(size)
            _crop(arguments.data, data, size)
            print(json.dumps({"photographs": size, **_train(data, arguments.epochs)}), flush=True)
            shutil.rmtree(data)


def _crop(source: Path, target: Path, size: int) -> None:
    random = np.random.default_rng(size)
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in folders:
        (target / folder.name).mkdir(parents=True)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        for number in range(size // len(folders)):
            with Image.open(files[number % len(files)]) as image:
                width, height = image.size
                share = random.uniform(0.6, 1.0)
                w, h = (max(min(side, SHORTEST), int(side * share)) for side in (width, height))
                left, top = random.integers(width - w + 1), random.integers(height - h + 1)
                crop = image.convert("RGB").crop((left, top, left + w, top + h))
            crop.save(target / folder.name / f"{number}.jpg", quality=85)


def _train(data: Path, epochs: int) -> dict[str, object]:
    models = data.with_name(f"{data.name}_models")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "export", "classifier", f"--data={data}"),
            *(f"--out={models}", f"--epochs={epochs}", "--fine-tune-epochs=0"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if ran.returncode:
        sys.stderr.write(ran.stderr)
        raise SystemExit(1)
    result = json.loads(ran.stdout)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "training_seconds": result["seconds"]["training"],
        "processor_seconds": round(processor, 1),
        # The largest of all children so far: sizes grow, so it is this one's.
        "peak_mb": round(after.ru_maxrss / 1024),
        "accuracy": result["accuracy"],
    }


if __name__ == "__main__":
    main()
