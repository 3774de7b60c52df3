"""When a photograph was taken: by EXIF time, by file date, or by the dated folder it lies in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from export import class_folders
from export.errors import DataSetError
from export.evaluation import data_sets
from export.evaluation.data_sets import LabelledPhotographs

AUTO, EXIF, FILE, FOLDERS = "auto", "exif", "file", "folders"
DATES = (AUTO, EXIF, FILE, FOLDERS)
LENGTHS = ("day", "month", "quarter", "year")

_EXIF_IFD = 0x8769
_ORIGINAL, _DIGITIZED, _CHANGED = 0x9003, 0x9004, 0x0132  # EXIF 2.3; the last in the first IFD
_FOLDER = re.compile(r"(\d{4})(?:[-_.]?(\d{2}))?(?:[-_.]?(\d{2}))?$")


@dataclass(frozen=True)
class DatedPhotographs:
    """Photographs in periods.

    Attributes:
        photographs: Those that have a date, and what they show.
        names: The periods, earliest first.
        period_of: Position in ``names`` by file.
        undated: Files without a date; they are left out.
        dates: Where the dates come from: ``exif``, ``file`` or ``folders``.
    """

    photographs: LabelledPhotographs
    names: tuple[str, ...]
    period_of: dict[Path, int]
    undated: tuple[Path, ...]
    dates: str


def find(directory: Path, class_names: Sequence[str], dates: str, length: str) -> DatedPhotographs:
    """List a data set by period.

    Args:
        directory: ``DIR/<class>/<photograph>``, or ``DIR/<date>/<class>/<photograph>`` with folders
            named 2024, 2024-05 or 2024-05-17 (also with ``_``, ``.`` or nothing between).
        class_names: The model's, in label order.
        dates: One of :data:`DATES`. ``auto`` takes dated folders if there are some, else the EXIF
            times if every photograph has one; never the files' dates, which a copy changes.
        length: One of :data:`LENGTHS`; for EXIF times and file dates.

    Raises:
        DataSetError: The folders are not as expected, no dates can be had, or there are fewer than
            two periods.
    """
    if not directory.is_dir():
        raise DataSetError(f"no data set at {directory}: expected a folder of class folders")
    folders = class_folders.folders(directory)
    dated = {p: at for p in folders if (at := _folder_date(p.name)) and p.name not in class_names}
    if dates == FOLDERS or (dates == AUTO and dated):
        if len(dated) != len(folders):
            others = ", ".join(sorted(p.name for p in folders if p not in dated)) or "none at all"
            raise DataSetError(
                f"expected folders named by date (2024, 2024-05, 2024-05-17) in {directory}, "
                f"found {others}"
            )
        return _from_folders(sorted(dated, key=lambda p: (dated[p], p.name)), class_names)
    photographs = data_sets.class_folders(directory, class_names)
    times = {path: _exif_time(path) for path in photographs.paths} if dates != FILE else {}
    if dates == AUTO and (without := [path for path, time in times.items() if time is None]):
        raise DataSetError(
            f"{len(without)} of {len(times)} photographs in {directory} have no EXIF time (for "
            f"instance {without[0].name}); choose --dates exif to leave them out, --dates file to "
            "take the files' dates if they were not copied, or put them into folders by date"
        )
    if dates == FILE:
        times = {p: datetime.fromtimestamp(p.stat().st_mtime, UTC) for p in photographs.paths}
    named = {path: _period(time, length) for path, time in times.items() if time}
    names = sorted(set(named.values()))
    _check(names, directory, length)
    return DatedPhotographs(
        LabelledPhotographs(
            photographs.class_names, {path: photographs.label_of[path] for path in named}
        ),
        tuple(names),
        {path: names.index(name) for path, name in named.items()},
        tuple(path for path in photographs.paths if path not in named),
        FILE if dates == FILE else EXIF,
    )


def _from_folders(folders: Sequence[Path], class_names: Sequence[str]) -> DatedPhotographs:
    label_of: dict[Path, int] = {}
    period_of: dict[Path, int] = {}
    names = [folder.name for folder in folders]
    for position, folder in enumerate(folders):
        found = data_sets.class_folders(folder, class_names, every_class=False)
        if not found.label_of:
            raise DataSetError(f"no photographs in {folder}")
        label_of.update(found.label_of)
        period_of.update(dict.fromkeys(found.label_of, position))
    _check(names, folders[0].parent, "folder")
    return DatedPhotographs(
        LabelledPhotographs(tuple(class_names), label_of), tuple(names), period_of, (), FOLDERS
    )


def _check(names: Sequence[str], directory: Path, length: str) -> None:
    if len(names) < 2:
        found = f"all in {names[0]}" if names else "none has a date"
        raise DataSetError(
            f"a shift over time needs two periods; of the photographs in {directory}, by {length}: "
            f"{found}"
        )


def _folder_date(name: str) -> datetime | None:
    found = _FOLDER.match(name)
    if not found:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:  # month 13
        return None


def _exif_time(path: Path) -> datetime | None:
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            details = exif.get_ifd(_EXIF_IFD)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # what is no image is refused by the graph, and named there
    text = details.get(_ORIGINAL) or details.get(_DIGITIZED) or exif.get(_CHANGED)
    try:
        return datetime.strptime(str(text)[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:  # "0000:00:00 00:00:00": a camera whose clock was never set
        return None


def _period(time: datetime, length: str) -> str:
    if length == "quarter":
        return f"{time.year}-Q{(time.month + 2) // 3}"
    return time.strftime({"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}[length])
