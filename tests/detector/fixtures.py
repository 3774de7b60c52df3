"""A small published detector for whoever asks it, and the pictures it was trained on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image, ImageDraw

from tests.once import Once
from tests.running import run_python


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
def write_coco() -> Callable[..., Path]:
    """``write_coco(folder, count=12, seed=0)``: COCO JSON of the same pictures, one file."""

    def write(folder: Path, count: int = 12, seed: int = 0) -> Path:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": 7, "name": "disc"}, {"id": 9, "name": "square"}],
        }
        ids = {"disc": 7, "square": 9}
        for index, (picture, objects) in enumerate(draw_shapes(count, seed)):
            name = f"image_{index:02d}.jpg"
            picture.save(folder / "images" / name, quality=95)
            document["images"].append({"id": index, "file_name": name})
            for kind, (xmin, ymin, xmax, ymax) in objects:
                document["annotations"].append(
                    {
                        "id": len(document["annotations"]),
                        "image_id": index,
                        "category_id": ids[kind],
                        "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    }
                )
        (folder / "labels.json").write_text(json.dumps(document))
        return folder

    return write


@pytest.fixture(scope="session")
def shapes(once: Once, write_voc: Callable[..., Path]) -> Path:
    """A VOC folder with 24 pictures to train on and 8 to validate with."""
    return Path(
        once("shapes", lambda folder: str(write_voc(folder / "voc", count=32, seed=1, split=24)))
    )


@pytest.fixture(scope="session")
def trained_detector(once: Once, shapes: Path) -> dict[str, Any]:
    """The result of ``python -m export detector`` on ``shapes``: small, but trained."""

    def make(models: Path) -> dict[str, Any]:
        arguments = [f"--data={shapes}", f"--out={models}", "--image-size=128"]
        # Two views, the picture and its mirror image: a second of processor time an epoch.
        arguments += ["--epochs=40", "--views=2", "--patience=40", "--batch-size=4", "--seed=3"]
        arguments += ["--fine-tune-epochs=1", f"--tensorboard={models / 'tensorboard'}"]
        ran = run_python("-m", "export", "detector", *arguments)
        assert ran.code == 0, ran.err
        return {**ran.result, "log": ran.err}

    result: dict[str, Any] = once("detector", make)
    return result


@pytest.fixture(scope="session")
def published_detector(trained_detector: dict[str, Any]) -> Path:
    """``MODELS/detector/1``: a detector of discs and squares."""
    return Path(trained_detector["path"])


@pytest.fixture(scope="session")
def detector_server(start_server: Callable[..., Any], published_detector: Path) -> str:
    """Target of a server with the published detector."""
    server = start_server("--model_name=detector", f"--model_base_path={published_detector.parent}")
    return str(server.target)
