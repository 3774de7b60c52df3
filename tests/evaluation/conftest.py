"""Running ``python -m export evaluate classifier``, and photographs it was not trained on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.running import PATIENCE_S, Ran
from tests.warm.warmth import warm_python

REPO = Path(__file__).resolve().parents[2]
SIDE = Path(__file__).with_name("tensorflow_side.py")
CLASSES = ("brick", "grass", "gravel")

_TILE = 64


@pytest.fixture(scope="session")
def evaluate() -> Iterator[Callable[..., Ran]]:
    """Run ``evaluate classifier`` with some arguments, all in one process beside this one."""
    process = subprocess.Popen(
        [warm_python(), str(SIDE)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPO), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.stdin
    assert process.stdout

    def run(*arguments: str | Path) -> Ran:
        argv = ["evaluate", "classifier", *map(str, arguments)]
        process.stdin.write(json.dumps(argv) + "\n")
        process.stdin.flush()
        return Ran(**json.loads(process.stdout.readline()))

    yield run
    process.stdin.close()
    process.wait(timeout=PATIENCE_S)
    process.stdout.close()


@pytest.fixture(scope="session")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders, 28 photographs each: tiles between those of ``photographs``.

    Cut half a tile further, so that each shares a quarter with four that were trained on: of the
    same kind, and none of them the same.
    """
    home = tmp_path_factory.mktemp("unseen")
    for name in CLASSES:
        picture = Image.fromarray(getattr(data, name)()).convert("RGB")
        (home / name).mkdir()
        for top in range(_TILE // 2, picture.height - _TILE, 2 * _TILE):
            for left in range(_TILE // 2, picture.width - _TILE, _TILE):
                tile = picture.crop((left, top, left + _TILE, top + _TILE))
                tile.save(home / name / f"{top}_{left}.jpg", quality=92)
    return home
