"""Find out how a folder's labels are laid out."""

from __future__ import annotations

from collections import Counter

from export.errors import DataSetError
from export.labels import (
    box_table,
    coco,
    create_ml,
    cvat,
    fiftyone,
    label_studio,
    text_files,
    voc,
    xml_files,
    yolo,
)
from export.labels.annotations import UnreadableError
from export.labels.folder import Folder
from export.labels.layout import Layout

LAYOUTS = {
    layout.name: layout
    for layout in (
        voc.LAYOUT,
        coco.LAYOUT,
        yolo.LAYOUT,
        cvat.LAYOUT,
        label_studio.LAYOUT,
        fiftyone.LAYOUT,
        create_ml.LAYOUT,
        box_table.LAYOUT,
    )
}
"""Layout by name."""

_SHOWN = 8


def find(folder: Folder, name: str | None = None) -> Layout:
    """Return the layout of a folder.

    Args:
        folder: The data set.
        name: Of the layout, where it is known; None looks.

    Raises:
        DataSetError: It has none, or several; the message lists what was looked for.
    """
    if name is not None:
        return LAYOUTS[name]
    found = [layout for layout in LAYOUTS.values() if layout.is_it(folder)]
    if len(found) > 1 and box_table.LAYOUT in found and box_table.is_bare_only(folder):
        found.remove(box_table.LAYOUT)
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"--format {layout.name}" for layout in found)
        raise DataSetError(f"{folder.root} has labels in {len(found)} layouts; say {choices}")
    raise DataSetError(
        f"{folder.root} has no labels in a layout that is known. It holds {_inside(folder)}. "
        "Looked for:\n"
        + "\n".join(f"  - {layout.description}" for layout in LAYOUTS.values())
        + "".join(f"\n{problem}" for problem in _unreadable(folder))
    )


def _inside(folder: Folder) -> str:
    kinds = Counter(path.suffix.lower() or "no suffix" for path in folder.files)
    counted = [f"{number} files with {suffix}" for suffix, number in kinds.most_common(_SHOWN)]
    return ", ".join(counted) or "no files"


def _unreadable(folder: Folder) -> list[str]:
    """Return why files that could hold labels hold none."""
    problems = []
    for path in folder.ending(".json", ".xml"):
        try:
            if path.suffix.lower() == ".json":
                folder.json(path)
            else:
                xml_files.read(path, text_files.read_bytes(path))
        except UnreadableError as err:
            problems.append(str(err))
    return problems[:_SHOWN]
