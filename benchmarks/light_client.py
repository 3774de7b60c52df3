"""What ``pip install vision-forge`` costs: disk, and the time and memory of its imports.

    python benchmarks/light_client.py [--runs 7]

Builds the wheel, installs it with nothing but its own requirements into a new virtual environment,
and prints one JSON object. Exit 1 where a limit is missed. ``disk_mb`` is the whole environment,
bytecode included, and ``packages_mb`` what of it came with the client (the rest is pip); seconds
and resident memory are medians over fresh interpreters, the interpreter's own memory included.
``import numpy, grpc`` is what no client of theirs can do without: compare with it on a machine that
has other work. The packages come from wherever pip is set up to look.
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
import tomllib
import venv
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
CLIENT = "import python_client"
LIMITS = {"disk_mb": 130.0, "seconds": 0.2, "resident_mb": 45.0}

_MEASURE = """
import time
start, cpu_start = time.perf_counter(), time.process_time()
{statement}
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
import json, pathlib, re, resource
status = pathlib.Path("/proc/self/status")
if status.exists():
    # Linux carries ru_maxrss over from the process that forked us; VmHWM starts anew with exec.
    peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
times = {{"seconds": seconds, "cpu_seconds": cpu_seconds}}
print(json.dumps({{**times, "resident_mb": peak_kib / 2**10}}))
"""


def main() -> int:
    """Measure, and print one JSON object.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="processes a figure (%(default)s)")
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="light-client-") as name:
        scratch = Path(name)
        environment = scratch / "environment"
        venv.create(environment, with_pip=True)
        empty_mb = _size_mb(environment)
        python = environment / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, _wheel(scratch)], check=True)
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
            check=True,
            capture_output=True,
            text=True,
        )
        imports = {
            statement: _import_cost(python, statement, runs, scratch)
            for statement in (CLIENT, "import numpy, grpc", "import signature_contract")
        }
        figures: dict[str, Any] = {
            "benchmark": "light_client",
            "python": sys.version.split()[0],
            "runs": runs,
            "packages": {
                one["name"]: one["version"]
                for one in json.loads(listed.stdout)
                if one["name"] not in ("pip", "setuptools")
            },
            "disk_mb": round(_size_mb(environment), 1),
            "packages_mb": round(_size_mb(environment) - empty_mb, 1),
            "imports": imports,
        }
    measured = {"disk_mb": figures["disk_mb"], **imports[CLIENT]}
    figures["limits"] = LIMITS
    figures["missed"] = [name for name, limit in LIMITS.items() if measured[name] > limit]
    print(json.dumps(figures, indent=2))
    return 1 if figures["missed"] else 0


def _wheel(scratch: Path) -> Path:
    """Build from a copy: a build leaves its folders beside the sources."""
    source = scratch / "source"
    source.mkdir()
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    no_caches = shutil.ignore_patterns("__pycache__")
    for name in {one.split(".")[0] for one in project["tool"]["setuptools"]["packages"]}:
        shutil.copytree(REPO / name, source / name, ignore=no_caches)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, f"--wheel-dir={scratch}", str(source)], check=True)
    (wheel,) = scratch.glob("*.whl")
    return wheel


def _size_mb(folder: Path) -> float:
    """Return what the files of a folder take, in megabytes of 10^6 bytes; links do not count."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def _import_cost(python: Path, statement: str, runs: int, folder: Path) -> dict[str, float]:
    results = []
    # The first round fills the page cache; it does not count.
    for turn in range(runs + 1):
        done = subprocess.run(
            [python, "-c", _MEASURE.format(statement=statement)],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=True,
        )
        if turn:
            results.append(json.loads(done.stdout))
    return {name: round(statistics.median(one[name] for one in results), 3) for name in results[0]}


if __name__ == "__main__":
    sys.exit(main())
