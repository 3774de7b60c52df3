"""Accuracy and latency of a version's TFLite files beside the served graph, on the same images.

    python -m export tflite --model MODELS/classifier/1 --out EDGE
    python benchmarks/edge_latency.py MODELS/classifier/1 EDGE/classifier/1 [--data DIR] [--calls N]

One process, pinned to one core, asks the SavedModel (in a session, as servers do) and every form in
turns: the version's validation images, decoded beforehand, one at a time, resizing included. One
JSON line a runtime: ``p50_ms`` and ``p95_ms`` of the wall clock, ``cpu_p50_ms`` of the processor
(what is left of the wall clock when nothing else wants the core), ``new_size_p50_ms`` where an
image has another size than the one before, accuracy, and the share of the original's p50.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from export.edge import checks
from export.edge.arguments import FORMS
from export.kinds import kind_of
from signature_contract import contract as contracts


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", type=Path, help="MODELS/<model>/<version>")
    parser.add_argument("edge", type=Path, help="EDGE/<model>/<version>, its TFLite files")
    parser.add_argument("--data", type=Path, help="as for python -m export tflite")
    parser.add_argument("--calls", type=int, default=500, help="timed a runtime (%(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname).1s %(message)s")
    version = arguments.version.resolve()
    contract = contracts.load(version)
    chosen = kind_of(contract.model).edge().choose(version, contract.class_names, arguments.data, 1)
    files = {
        form: arguments.edge / f"{form}.tflite"
        for form in FORMS
        if (arguments.edge / f"{form}.tflite").is_file()
    }
    if not files:
        parser.error(f"{arguments.edge} holds none of {', '.join(f'{f}.tflite' for f in FORMS)}")
    measured = checks.compare(version, contract, files, chosen.evaluation, arguments.calls)
    original = measured["runtimes"]["original"]
    for runtime, figures in measured["runtimes"].items():
        line = {
            "runtime": runtime,
            "images": measured["images"],
            "calls": measured["calls"],
            **figures,
            "of_original": round(figures["cpu_p50_ms"] / original["cpu_p50_ms"], 3),
        }
        print(json.dumps(line), flush=True)
    load = {"load_average": os.getloadavg()[0], "pinned": measured["pinned_to_one_core"]}
    print(json.dumps({"machine": load, "data": chosen.source}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
