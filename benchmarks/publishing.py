"""How many of the trainings that should be published are, and hold on another processor.

    python benchmarks/publishing.py DATA [--classifiers 20] [--detectors 5] [--photographs 60]

Classifiers are trained on as many random subsets of DATA (class folders); detectors on scenes of
thirty like squares, whose scores lie as close together as they can. Every second one is made with
oneDNN capped at SSE4.1; each is then verified under the other instruction set.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

REPO = Path(__file__).resolve().parent.parent
AS_IT_IS: dict[str, str] = {}
SSE41 = {"ONEDNN_MAX_CPU_ISA": "SSE41"}
SQUARES, SIDE, SCENE = 30, 20, 320


def main() -> int:
    """Train, verify, print a line each and the sums; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--classifiers", type=int, default=20)
    parser.add_argument("--detectors", type=int, default=5)
    parser.add_argument("--photographs", type=int, default=60, help="a class and subset")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(arguments.classifiers):
            data = Path(scratch) / f"subset_{seed}"
            take_subset(arguments.data, data, arguments.photographs, seed)
            options = ["--epochs=6", "--fine-tune-epochs=2", "--force-fine-tune"]
            rows.append(tried("classifier", data, seed, Path(scratch) / f"c{seed}", options))
        for seed in range(arguments.detectors):
            data = Path(scratch) / f"scenes_{seed}"
            draw_scenes(data, 40, seed)
            options = ["--image-size=320", "--epochs=4", "--fine-tune-epochs=0", "--views=1"]
            rows.append(tried("detector", data, seed, Path(scratch) / f"d{seed}", options))
    for model in ("classifier", "detector"):
        mine = [row for row in rows if row["model"] == model]
        published = [row for row in mine if row["published"]]
        print(
            json.dumps(
                {
                    "model": model,
                    "trained": len(mine),
                    "published": len(published),
                    "hold under the other instruction set": sum(row["holds"] for row in published),
                    "farthest": {
                        name: max(row["distances"][name] for row in published)
                        for name in (published[0]["distances"] if published else ())
                    },
                }
            )
        )
    return 0 if all(row["published"] and row["holds"] for row in rows) else 1


def tried(model: str, data: Path, seed: int, models: Path, options: list[str]) -> dict[str, Any]:
    """Train and publish once, verify under the other instruction set."""
    here, there = (SSE41, AS_IT_IS) if seed % 2 else (AS_IT_IS, SSE41)
    command = [model, f"--data={data}", f"--out={models}", f"--seed={seed}", "--lineage=none"]
    made, log = export([*command, *options], here)
    row: dict[str, Any] = {
        "model": model,
        "seed": seed,
        "made under": here.get("ONEDNN_MAX_CPU_ISA", "as it is"),
        "published": made is not None,
    }
    if made is None:
        print(json.dumps({**row, "log": log}), flush=True)
        return row
    seen, _ = export(["verify", made["path"]], there)
    row["quality"] = made.get("accuracy", made.get("map50"))
    row["holds"] = bool(seen and seen["ok"])
    distances = [made["max_distance"], seen["max_distance"] if seen else {}]
    row["distances"] = {
        name: max(found.get(name, 0.0) for found in distances) for name in distances[0]
    }
    print(json.dumps(row), flush=True)
    return row


def export(arguments: list[str], environment: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Run ``python -m export``; return its result, None when it failed, and its last words."""
    done = subprocess.run(
        [sys.executable, "-m", "export", *arguments],
        cwd=REPO,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None
    return result, "\n".join(done.stderr.strip().splitlines()[-4:])


def take_subset(source: Path, target: Path, count: int, seed: int) -> None:
    """Link a random subset of each class folder."""
    draw = random.Random(seed)  # noqa: S311  # pictures, not secrets
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        (target / folder.name).mkdir(parents=True)
        for path in draw.sample(sorted(folder.iterdir()), count):
            (target / folder.name / path.name).symlink_to(path.resolve())


def draw_scenes(folder: Path, count: int, seed: int) -> None:
    """Write a Pascal VOC folder of scenes with like squares."""
    draw = random.Random(seed)  # noqa: S311  # pictures, not secrets
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        picture = Image.new("RGB", (SCENE, SCENE), (90, 110, 100))
        canvas = ImageDraw.Draw(picture)
        cells = draw.sample(range(64), SQUARES)
        annotation = ET.Element("annotation")
        for cell in cells:
            x = cell % 8 * 40 + draw.randrange(20)
            y = cell // 8 * 40 + draw.randrange(20)
            canvas.rectangle([x, y, x + SIDE - 1, y + SIDE - 1], fill=(220, 200, 60))
            item = ET.SubElement(annotation, "object")
            ET.SubElement(item, "name").text = "square"
            box = ET.SubElement(item, "bndbox")
            edges = (x + 1, y + 1, x + SIDE, y + SIDE)
            for edge, value in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True):
                ET.SubElement(box, edge).text = str(value)
        picture.save(folder / "JPEGImages" / f"{number:02d}.jpg", quality=95)
        ET.ElementTree(annotation).write(folder / "Annotations" / f"{number:02d}.xml")


if __name__ == "__main__":
    sys.exit(main())
