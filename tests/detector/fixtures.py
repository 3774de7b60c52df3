"""A small published detector for whoever asks it, and the pictures it was trained on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image, ImageDraw

REPO = Path(__file__).resolve().parents[2]


def draw_shapes(count: int, seed: int) -> Iterator[tuple[Image.Image, list[tuple[str, list[int]]]]]:
    """Yield real photographs with discs and squares on them, and their exact boxes."""
    draw = random.Random(seed)  # noqa: S311  # pictures, not secrets
    photographs = [
        Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        for name in ("chelsea", "coffee", "rocket", "astronaut")
    ]
    for _ in range(count):
        photograph = draw.choice(photographs)
        width, height = draw.choice([(160, 120), (120, 160), (128, 128)])
        x, y = draw.randrange(photograph.width - width), draw.randrange(photograph.height - height)
        picture = photograph.crop((x, y, x + width, y + height))
        canvas = ImageDraw.Draw(picture)
        objects = []
        for kind in draw.sample(["disc", "square"], draw.randint(1, 2)):
            side = draw.randint(36, 56)
            # One in each half, so that none hides the other.
            left = 0 if kind == "disc" else width // 2
            x = left + draw.randrange(max(1, width // 2 - side))
            y = draw.randrange(height - side)
            box = [x, y, min(x + side, width), y + side]
            shape = canvas.ellipse if kind == "disc" else canvas.rectangle
            color = (255, 40, 40) if kind == "disc" else (40, 255, 40)
            shape([box[0], box[1], box[2] - 1, box[3] - 1], fill=color)
            objects.append((kind, box))
        yield picture, objects


def voc_object(name: str, box: list[int] | list[float], extra: str = "") -> str:
    """Return one VOC object; VOC counts pixels from 1 and includes the last."""
    edges = zip(("xmin", "ymin", "xmax", "ymax"), (box[0] + 1, box[1] + 1, *box[2:]), strict=True)
    inner = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    return f"<object><name>{name}</name>{extra}<bndbox>{inner}</bndbox></object>"


@pytest.fixture(scope="session")
def write_voc() -> Callable[..., Path]:
    """``write_voc(folder, count=12, seed=0, split=None)``: a Pascal VOC folder."""

    def write(folder: Path, count: int = 12, seed: int = 0, split: int | None = None) -> Path:
        for name in ("Annotations", "JPEGImages", "ImageSets"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        names = []
        for index, (picture, objects) in enumerate(draw_shapes(count, seed)):
            name = f"image_{index:02d}"
            names.append(name)
            picture.save(folder / "JPEGImages" / f"{name}.jpg", quality=95)
            xml = "".join(voc_object(kind, box) for kind, box in objects)
            (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{xml}</annotation>")
        if split is not None:
            (folder / "ImageSets" / "train.txt").write_text("\n".join(names[:split]) + "\n")
            (folder / "ImageSets" / "val.txt").write_text("\n".join(names[split:]) + "\n")
        return folder

    return write


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory, write_voc: Callable[..., Path]) -> Path:
    """A VOC folder with 24 pictures to train on and 8 to validate with."""
    return write_voc(tmp_path_factory.mktemp("shapes") / "voc", count=32, seed=1, split=24)


@pytest.fixture(scope="session")
def trained_detector(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> dict[str, Any]:
    """The result of ``python -m export detector`` on ``shapes``: small, but trained."""
    models = tmp_path_factory.mktemp("detector")
    command = [sys.executable, "-m", "export", "detector"]
    command += [f"--data={shapes}", f"--out={models}", "--image-size=128"]
    # Two views, the picture and its mirror image: a second of processor time an epoch.
    command += ["--epochs=40", "--views=2", "--patience=40", "--batch-size=4", "--seed=3"]
    command += ["--fine-tune-epochs=1"]
    command += [f"--tensorboard={models / 'tensorboard'}"]
    done = subprocess.run(
        command, cwd=REPO, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "log": done.stderr}


@pytest.fixture(scope="session")
def published_detector(trained_detector: dict[str, Any]) -> Path:
    """``MODELS/detector/1``: a detector of discs and squares."""
    return Path(trained_detector["path"])


@pytest.fixture(scope="session")
def detector_server(start_server: Callable[..., Any], published_detector: Path) -> str:
    """Target of a server with the published detector."""
    server = start_server("--model_name=detector", f"--model_base_path={published_detector.parent}")
    return str(server.target)
