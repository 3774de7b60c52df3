"""Let other people's tools write one small data set in every layout that they know.

    python -m venv JUDGES
    JUDGES/bin/pip install -r tests/labels/exports/requirements.txt
    JUDGES/bin/python tests/labels/exports/make.py datumaro supervision globox …

What they wrote is checked in beside this file, unchanged but for this machine's folder. Each tool
gets the truth by its own way in, from boxes in pixels; nothing of this project is imported.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SIZE = (64, 48)
CLASSES = ["red", "blue cell"]
COLORS = {"red": (230, 20, 20), "blue cell": (20, 20, 230)}
# File name to objects: class and xmin, ymin, xmax, ymax, the last not included.
TRUTH: dict[str, list[tuple[str, tuple[int, int, int, int]]]] = {
    "plain.jpg": [("red", (8, 10, 40, 30))],
    "two objects.jpg": [("red", (4, 4, 20, 20)), ("blue cell", (30, 16, 60, 44))],
    "photo (1).jpg": [("blue cell", (0, 0, 32, 24))],
    "nothing.jpg": [],
}


def pictures(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, objects) in enumerate(TRUTH.items()):
        pixels = np.random.default_rng(number).integers(0, 90, (SIZE[1], SIZE[0], 3), np.uint8)
        for label, (xmin, ymin, xmax, ymax) in objects:
            pixels[ymin:ymax, xmin:xmax] = COLORS[label]
        Image.fromarray(pixels).save(folder / name, quality=80)
    return folder


def with_pictures(folder: Path) -> Path:
    for path in SOURCE.iterdir():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    return folder


def datumaro(_: Path) -> None:
    from datumaro.components.annotation import Bbox
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image as Media

    def items(held_out: str = ""):
        for name, objects in TRUTH.items():
            boxes = [
                Bbox(x0, y0, x1 - x0, y1 - y0, label=CLASSES.index(label), id=i, group=i)
                for i, (label, (x0, y0, x1, y1)) in enumerate(objects, 1)
            ]
            media = Media.from_file(path=str(SOURCE / name), size=(SIZE[1], SIZE[0]))
            subset = "val" if name == held_out else "train"
            yield DatasetItem(Path(name).stem, subset=subset, media=media, annotations=boxes)

    for layout in ("voc_detection", "coco_instances", "yolo", "yolo_ultralytics", "cvat"):
        held_out = "plain.jpg" if layout == "yolo_ultralytics" else ""  # it demands both parts
        data = Dataset.from_iterable(list(items(held_out)), categories=CLASSES)
        attempt(
            f"datumaro_{layout}",
            lambda out, layout=layout, data=data: data.export(str(out), layout, save_media=True),
        )


def supervision(_: Path) -> None:
    import supervision as sv

    annotations = {}
    for name, objects in TRUTH.items():
        if objects:
            annotations[str(SOURCE / name)] = sv.Detections(
                np.array([box for _, box in objects], float),
                class_id=np.array([CLASSES.index(label) for label, _ in objects]),
            )
        else:
            annotations[str(SOURCE / name)] = sv.Detections.empty()
    data = sv.DetectionDataset(CLASSES, [str(SOURCE / name) for name in TRUTH], annotations)
    attempt(
        "supervision_yolo",
        lambda out: data.as_yolo(str(out / "images"), str(out / "labels"), str(out / "data.yaml")),
    )
    attempt(
        "supervision_voc",
        lambda out: data.as_pascal_voc(str(out / "images"), str(out / "annotations")),
    )
    attempt(
        "supervision_coco",
        lambda out: data.as_coco(str(out / "images"), str(out / "annotations.json")),
    )


def globox(_: Path) -> None:
    from globox import Annotation, AnnotationSet, BoundingBox

    everything = AnnotationSet()
    for name, objects in TRUTH.items():
        boxes = [
            BoundingBox(label=label, xmin=x0, ymin=y0, xmax=x1, ymax=y1)
            for label, (x0, y0, x1, y1) in objects
        ]
        everything.add(Annotation(name, SIZE, boxes))
    ids = {label: number for number, label in enumerate(CLASSES)}

    def yolo(out: Path) -> None:
        everything.save_yolo_v5(with_pictures(out), label_to_id=ids)
        (out / "classes.txt").write_text("\n".join(CLASSES) + "\n")

    attempt("globox_yolo", yolo)
    attempt("globox_voc", lambda out: everything.save_pascal_voc(with_pictures(out)))
    attempt(
        "globox_coco",
        lambda out: everything.save_coco(
            with_pictures(out / "images").parent / "all.json", auto_ids=True
        ),
    )
    attempt("globox_cvat", lambda out: everything.save_cvat(with_pictures(out) / "cvat.xml"))


def pylabel(home: Path) -> None:
    from pylabel import importer

    source = home / "pylabel_source"
    with_pictures(source)
    from globox import Annotation, AnnotationSet, BoundingBox

    everything = AnnotationSet()
    for name, objects in TRUTH.items():
        boxes = [
            BoundingBox(label=a, xmin=b[0], ymin=b[1], xmax=b[2], ymax=b[3]) for a, b in objects
        ]
        everything.add(Annotation(name, SIZE, boxes))
    everything.save_coco(source / "in.json", auto_ids=True)
    data = importer.ImportCoco(str(source / "in.json"), path_to_images="")

    def voc(out: Path) -> None:
        with_pictures(out)
        data.export.ExportToVoc(str(out))

    def yolo(out: Path) -> None:
        data.export.ExportToYoloV5(
            output_path=str(out / "labels"), yaml_file="dataset.yaml", copy_images=True
        )

    attempt("pylabel_voc", voc)
    attempt("pylabel_yolo", yolo)
    attempt(
        "pylabel_coco",
        lambda out: data.export.ExportToCoco(str(with_pictures(out) / "coco.json")),
    )


def label_studio(home: Path) -> None:
    from label_studio_sdk.converter import Converter

    tasks = []
    for number, (name, objects) in enumerate(TRUTH.items(), 1):
        result = [
            {
                "id": f"r{index}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": SIZE[0],
                "original_height": SIZE[1],
                "image_rotation": 0,
                "value": {
                    "x": 100 * x0 / SIZE[0],
                    "y": 100 * y0 / SIZE[1],
                    "width": 100 * (x1 - x0) / SIZE[0],
                    "height": 100 * (y1 - y0) / SIZE[1],
                    "rotation": 0,
                    "rectanglelabels": [label],
                },
            }
            for index, (label, (x0, y0, x1, y1)) in enumerate(objects)
        ]
        uploaded = f"0a1b2c3{number}-{name}".replace(" ", "%20")
        tasks.append(
            {
                "id": number,
                "annotations": [{"id": number, "completed_by": 1, "result": result}],
                "data": {"image": f"/data/upload/7/{uploaded}"},
            }
        )
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        + "".join(f'<Label value="{label}"/>' for label in CLASSES)
        + "</RectangleLabels></View>"
    )
    source = home / "tasks.json"
    source.write_text(json.dumps(tasks))
    converter = Converter(config, None, download_resources=False)

    def through(kind: str):
        def convert(out: Path) -> None:
            out.mkdir(parents=True)
            getattr(converter, f"convert_to_{kind}")(str(source), str(out), is_dir=False)
            with_pictures(out / "images")

        return convert

    for kind in ("coco", "voc", "yolo", "json", "json_min"):
        attempt(f"label_studio_{kind}", through(kind))


def labelimg(_: Path) -> None:
    from libs.create_ml_io import CreateMLWriter  # noqa: F401  # proves that it is labelImg's
    from libs.pascal_voc_io import PascalVocWriter
    from libs.yolo_io import YOLOWriter

    def write(make):
        def run(out: Path) -> None:
            with_pictures(out)
            for name, objects in TRUTH.items():
                if objects:  # it writes no file of an image that nobody has marked
                    make(out, name, objects)

        return run

    def voc(out: Path, name: str, objects) -> None:
        writer = PascalVocWriter(
            out.name, name, (SIZE[1], SIZE[0], 3), local_img_path=str(out / name)
        )
        for label, (x0, y0, x1, y1) in objects:
            writer.add_bnd_box(max(1, x0), max(1, y0), x1, y1, label, 0)  # as its canvas gives them
        writer.save(str(out / f"{Path(name).stem}.xml"))

    def yolo(out: Path, name: str, objects) -> None:
        writer = YOLOWriter(out.name, name, (SIZE[1], SIZE[0], 3), local_img_path=str(out / name))
        for label, (x0, y0, x1, y1) in objects:
            writer.add_bnd_box(x0, y0, x1, y1, label, 0)
        writer.save(class_list=CLASSES, target_file=str(out / f"{Path(name).stem}.txt"))

    attempt("labelimg_voc", write(voc))
    attempt("labelimg_yolo", write(yolo))


def fiftyone(_: Path) -> None:
    """Its exporters one by one: the whole of it wants a MongoDB."""
    import fiftyone as fo
    from fiftyone.utils import coco, cvat, voc, yolo
    from fiftyone.utils.data import exporters

    def through(make):
        def run(out: Path) -> None:
            with make(str(out)) as exporter:
                for name, objects in TRUTH.items():
                    path = str(SOURCE / name)
                    boxes = [
                        fo.Detection(
                            label=label,
                            bounding_box=[
                                x0 / SIZE[0],
                                y0 / SIZE[1],
                                (x1 - x0) / SIZE[0],
                                (y1 - y0) / SIZE[1],
                            ],
                        )
                        for label, (x0, y0, x1, y1) in objects
                    ]
                    metadata = fo.ImageMetadata.build_for(path)
                    exporter.export_sample(path, fo.Detections(detections=boxes), metadata)

        return run

    for name, make in {
        "coco": lambda out: coco.COCODetectionDatasetExporter(out, classes=CLASSES),
        "voc": voc.VOCDetectionDatasetExporter,
        "yolo_v4": lambda out: yolo.YOLOv4DatasetExporter(out, classes=CLASSES),
        "yolo_v5": lambda out: yolo.YOLOv5DatasetExporter(out, split="train", classes=CLASSES),
        "cvat": cvat.CVATImageDatasetExporter,
        "json": lambda out: exporters.FiftyOneImageDetectionDatasetExporter(out, classes=CLASSES),
    }.items():
        attempt(f"fiftyone_{name}", through(make))


def attempt(name: str, write) -> None:
    out = Path(name)  # relative, so that no path of this machine is written
    shutil.rmtree(out, ignore_errors=True)
    try:
        write(out)
        for path in [
            *out.rglob("*.xml"),
            *out.rglob("*.json"),
        ]:  # whose machine it was is no matter
            path.write_text(path.read_text("utf-8").replace(str(HERE), "/data"), "utf-8")
        print(name, sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()))
    except Exception:
        shutil.rmtree(out, ignore_errors=True)
        print(name, "FAILED", traceback.format_exc().splitlines()[-1])


if __name__ == "__main__":
    os.chdir(HERE)
    WORK = Path("work")
    SOURCE = pictures(WORK / "source")
    (HERE / "truth.json").write_text(
        json.dumps({Path(name).stem: objects for name, objects in TRUTH.items()}, indent=1) + "\n"
    )
    for tool in map(globals().__getitem__, sys.argv[1:]):
        try:
            tool(WORK)
        except Exception:
            print(tool.__name__, "FAILED", traceback.format_exc())
    shutil.rmtree(WORK)
