"""Records training runs whose training is a pause: for tests of the store, in another process.

``writer.py URL COUNT``: waits for a line on standard input, then records COUNT published runs.
``writer.py URL hold [MLFLOW_URI]``: begins a run, prints its id, waits for a line and publishes.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from export.lineage.recording import Recording

SETTINGS = {"backbone": "mobilenet_v2", "seed": 7}


def main(url: str, what: str, mlflow_uri: str = "") -> None:
    if what == "hold":
        with Recording(url, mlflow_uri).run("classifier", SETTINGS, Path("models")) as run:
            print(run.model_id, flush=True)
            sys.stdin.readline()
            run.published(1, Path("/models/classifier/1"))
        return
    from export.lineage import run as _loaded  # noqa: F401  # before the signal to start

    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1, int(what) + 1):
        with Recording(url).run("classifier", SETTINGS, Path("models")) as run:
            run.published(number, Path(f"/models/classifier/{number}"))
        print(run.model_id, flush=True)
    print("mlflow" in sys.modules, flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main(*sys.argv[1:])
