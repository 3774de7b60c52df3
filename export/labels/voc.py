"""Pascal VOC: an XML file an image, wherever its image and the lists of its parts lie."""

from __future__ import annotations

from pathlib import Path

from export.errors import DataSetError
from export.labels import image_sets, text_files, xml_files
from export.labels.annotations import (
    Box,
    Collected,
    LabelledBox,
    LabelledImage,
    Listing,
    UnreadableError,
    box_around_turned,
)
from export.labels.folder import Folder
from export.labels.layout import Layout
from export.labels.xml_files import Element

_ROOT = "annotation"
_TRUE = ("1", "true", "yes")
_FEWEST_CORNERS = 3


def is_it(folder: Folder) -> bool:
    """Tell whether any XML file of the folder is VOC's."""
    return any(xml_files.root_tag(path) == _ROOT for path in folder.ending(".xml"))


def read(folder: Folder) -> Listing:
    """Read every XML file, and the images that have none as images without objects.

    The parts are those of ``ImageSets/[Main/]{train,val,trainval,test}.txt``, of such lists
    anywhere, or of folders of such names.

    Raises:
        DataSetError: A list that names images cannot be read.
    """
    collected = Collected()
    images = [*_annotated(folder, collected), *_without_objects(folder, collected)]
    if homes := image_sets.find(folder, images):
        image_sets.divide(folder, images, homes, collected)
        return collected.listing()
    for label_file, image in images:
        collected.add(folder.part_of(label_file), image)
    return collected.listing()


def _annotated(folder: Folder, collected: Collected) -> list[tuple[Path, LabelledImage]]:
    roots = {}
    for path in folder.ending(".xml"):
        try:
            root = xml_files.read(path, text_files.read_bytes(path))
        except UnreadableError as err:
            collected.problems.append(err.problem)
            continue
        if root.tag == _ROOT:
            roots[path] = root
        else:
            collected.problem(path, f"no VOC annotation: it begins with <{root.tag}>", root.line)
    stated = {path: root.value("filename") for path, root in roots.items()}
    found = []
    for path, beside in folder.images_of(stated, collected).items():
        root = roots[path]
        try:
            image = beside or folder.image(stated[path] or f"{path.stem}.jpg", [path.parent])
        except DataSetError as err:
            collected.problem(path, str(err), root.line)
            continue
        size = text_files.size(root.value("size/width"), root.value("size/height"))
        objects, unread = _objects(path, root, collected)
        found.append((path, LabelledImage(image, path, objects, size, unread=unread)))
    return found


def _without_objects(folder: Folder, collected: Collected) -> list[tuple[Path, LabelledImage]]:
    """Return the images that no XML file is of, from the folders in which others have one."""
    labels = folder.ending(".xml")
    of_labels = {folder.image_beside(path) for path in labels}
    homes = {path.parent for path in of_labels if path}
    stems = {path.stem.casefold() for path in labels}
    alone = [
        path
        for path in folder.images
        if path.parent in homes and path not in of_labels and path.stem.casefold() not in stems
    ]
    if alone:
        collected.notes.append(
            f"{len(alone)} images have no XML file and count as images without objects"
        )
    return [(path, LabelledImage(path, path, ())) for path in alone]


def _objects(
    path: Path, root: Element, collected: Collected
) -> tuple[tuple[LabelledBox, ...], int]:
    """Return the objects, and how many more cannot be read."""
    objects, unread = [], 0
    for element in root.descendants("object"):
        if element.value("deleted").lower() in _TRUE:  # LabelMe keeps what was taken back
            continue
        try:
            objects.append(_object(element))
        except ValueError as err:
            collected.problem(path, str(err), element.line)
            unread += 1
    return tuple(objects), unread


def _object(element: Element) -> LabelledBox:
    label = element.value("name")
    if not label:
        raise ValueError("an object has no name")
    difficult = element.value("difficult").lower() in _TRUE
    if element.find("bndbox") is None:
        return LabelledBox(label, _around(element, label), difficult, element.line)
    edges = []
    for edge in ("xmin", "ymin", "xmax", "ymax"):
        try:
            edges.append(text_files.number(element.value(f"bndbox/{edge}")))
        except ValueError as err:
            raise ValueError(f"the {edge} of {label}: {err}") from None
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise ValueError(f"the {label} box {edges} has no area")
    # VOC counts pixels from 1 and includes the last one.
    box = edges[0] - 1, edges[1] - 1, edges[2], edges[3]
    return LabelledBox(label, box, difficult, element.line)


def _around(element: Element, label: str) -> Box:
    """Return the box around LabelMe's outline, or around roLabelImg's turned box."""
    if turned := element.find("robndbox"):
        keys = ("cx", "cy", "w", "h", "angle")
        return box_around_turned(*(text_files.number(turned.value(key)) for key in keys))
    points = element.find("polygon")
    corners = points.all("pt") if points else []
    if len(corners) < _FEWEST_CORNERS:
        raise ValueError(f"{label} has no bndbox")
    xs = [text_files.number(corner.value("x")) for corner in corners]
    ys = [text_files.number(corner.value("y")) for corner in corners]
    return min(xs), min(ys), max(xs), max(ys)


LAYOUT = Layout(
    "voc",
    "Pascal VOC: XML files (<annotation>) in Annotations/ or beside images, lists in ImageSets/",
    is_it,
    read,
)
