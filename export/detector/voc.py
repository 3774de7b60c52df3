"""Read a Pascal VOC folder: ``Annotations/*.xml``, ``JPEGImages/``, ``ImageSets/``."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

from export.detector.annotations import LabelledBox, LabelledImage, Listing, Problem
from export.errors import DataSetError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


def is_voc(data_dir: Path) -> bool:
    """Tell whether the folder looks like Pascal VOC's."""
    return (data_dir / "Annotations").is_dir()


def read(data_dir: Path) -> Listing:
    """Read the annotations.

    The split is ``train.txt`` and ``val.txt`` below ``ImageSets/Main`` or ``ImageSets``, one image
    name a line; without them every annotation belongs to one part.

    Args:
        data_dir: The folder.

    Returns:
        What the files say; a broken file is among ``problems``.

    Raises:
        DataSetError: There is no ``Annotations`` folder, or only one of the two lists.
    """
    if not is_voc(data_dir):
        raise DataSetError(f"{data_dir} is no Pascal VOC folder: it has no Annotations/")
    problems: list[Problem] = []
    lists = _split_lists(data_dir)
    if lists is None:
        names = sorted(path.stem for path in (data_dir / "Annotations").glob("*.xml"))
        return Listing(tuple(_images(data_dir, names, problems)), None, None, tuple(problems))
    training, validation = (
        tuple(_images(data_dir, path.read_text(encoding="utf-8").split("\n"), problems))
        for path in lists
    )
    return Listing(training, validation, None, tuple(problems))


def _split_lists(data_dir: Path) -> tuple[Path, Path] | None:
    for folder in (data_dir / "ImageSets" / "Main", data_dir / "ImageSets"):
        paths = folder / "train.txt", folder / "val.txt"
        if all(path.is_file() for path in paths):
            return paths
        for here, absent in (paths, paths[::-1]):
            if here.is_file():
                raise DataSetError(f"{here} exists and {absent} does not; a split needs both")
    return None


def _images(
    data_dir: Path, lines: Iterable[str], problems: list[Problem]
) -> Iterable[LabelledImage]:
    # VOC's per-class lists have a second column, -1, 0 or 1, after the name.
    names = [line.split()[0] for line in lines if line.strip()]
    for name in dict.fromkeys(names):
        path = data_dir / "Annotations" / f"{name}.xml"
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314  # expat expands no external entity
        except OSError as err:
            problems.append(Problem(path, f"cannot be read: {err.strerror}"))
            continue
        except ElementTree.ParseError as err:
            problems.append(Problem(path, f"broken XML: {err}"))
            continue
        objects = []
        for number, element in enumerate(root.iter("object"), 1):
            try:
                objects.append(_object(element))
            except ValueError as err:
                problems.append(Problem(path, f"object {number}: {err}"))
        image_path, size = _image_path(data_dir, root, name), _stated_size(root)
        yield LabelledImage(image_path, path, tuple(objects), size)


def _object(element: ElementTree.Element) -> LabelledBox:
    label = (element.findtext("name") or "").strip()
    if not label:
        raise ValueError("it has no name")
    edges = []
    for edge in ("xmin", "ymin", "xmax", "ymax"):
        text = element.findtext(f"bndbox/{edge}")
        try:
            edges.append(float(text or ""))
        except ValueError:
            raise ValueError(f"{label} has the {edge} {text!r}, expected a number") from None
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise ValueError(f"{label} box {edges} has no area")
    # VOC counts pixels from 1 and includes the last one.
    box = edges[0] - 1, edges[1] - 1, edges[2], edges[3]
    return LabelledBox(label, box, ignored=(element.findtext("difficult") or "0").strip() == "1")


def _stated_size(root: ElementTree.Element) -> tuple[int, int] | None:
    try:
        return int(root.findtext("size/width") or ""), int(root.findtext("size/height") or "")
    except ValueError:
        return None  # many tools leave it out, or write 0


def _image_path(data_dir: Path, root: ElementTree.Element, name: str) -> Path:
    # The file name in the XML is often another tool's; the annotation's own name is VOC's rule.
    folder = data_dir / "JPEGImages"
    stated = (root.findtext("filename") or "").strip()
    tried = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    if stated:
        tried.append(folder / Path(stated).name)
    return next((path for path in tried if path.is_file()), tried[-1] if stated else tried[0])
