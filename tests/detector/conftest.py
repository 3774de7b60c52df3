"""A process with TensorFlow to ask, and small labelled data sets of real photographs."""

from __future__ import annotations

import json
import os
import pickle
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


class SideError(Exception):
    """What a function in the TensorFlow process raised.

    Attributes:
        kind: Name of the exception's type there.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TensorFlowSide:
    """Calls functions of ``tensorflow_side.py`` in its process."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "tensorflow_side.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=REPO,
        )

    def error_of(self, name: str, *arguments: Any, **options: Any) -> tuple[str, str]:
        """Call a function that must fail; return the exception's type and message."""
        with pytest.raises(SideError) as caught:
            self(name, *arguments, **options)
        return caught.value.kind, str(caught.value)

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a function and return its result."""
        assert self._process.stdin and self._process.stdout
        pickle.dump((name, arguments, options), self._process.stdin)
        self._process.stdin.flush()
        try:
            kind, *rest = pickle.load(self._process.stdout)  # noqa: S301  # our own process
        except EOFError:
            pytest.fail(f"the TensorFlow process ended:\n{Path(self._log.name).read_text()}")
        if kind == "error":
            raise SideError(*rest)
        return rest[0]

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process.wait(30)
        self._log.close()


@pytest.fixture(scope="session")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TensorFlowSide]:
    running = TensorFlowSide(tmp_path_factory.mktemp("side") / "log")
    yield running
    running.close()


@pytest.fixture(scope="session")
def official_weights(side: TensorFlowSide) -> str:
    return str(side("official_weights"))


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
def run_export() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``run_export("detector", "--data", …)``: ``python -m export`` in a process of its own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "export", *map(str, arguments)],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    return run


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory, write_voc: Callable[..., Path]) -> Path:
    """A VOC folder with 24 pictures to train on and 8 to validate with."""
    return write_voc(tmp_path_factory.mktemp("shapes") / "voc", count=32, seed=1, split=24)


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
    shapes: Path,
    run_export: Callable[..., subprocess.CompletedProcess[str]],
) -> dict[str, Any]:
    """The result of ``python -m export detector`` on ``shapes``: small, but trained."""
    models = tmp_path_factory.mktemp("models")
    done = run_export(
        "detector", "--data", shapes, "--out", models, "--image-size", "128",
        "--epochs", "20", "--fine-tune-epochs", "2", "--batch-size", "4", "--seed", "3",
        "--tensorboard", models / "tensorboard",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "log": done.stderr}
