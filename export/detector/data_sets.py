"""Find out which format a data set has and read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.detector import coco, voc
from export.detector.annotations import DetectionData, prepare
from export.errors import DataSetError

_READERS = {"voc": voc.read, "coco": coco.read}


def load(
    data_dir: Path,
    data_format: str | None,
    *,
    on_bad_input: str,
    validation_fraction: float,
    seed: int,
    class_names: Sequence[str] | None = None,
) -> DetectionData:
    """Read and check a data set.

    Args:
        data_dir: The folder.
        data_format: A key of :data:`export.detector.settings.FORMATS`, or None to look.
        on_bad_input: See :func:`export.detector.annotations.prepare`, as for the rest.
        validation_fraction: Share to hold out when the data set states no split.
        seed: Of that split.
        class_names: The only classes to use, or None for the data set's.

    Returns:
        The data set.

    Raises:
        DataSetError: It is missing, of no known format, or has nothing to train on.
    """
    if not data_dir.is_dir():
        raise DataSetError(f"no data set at {data_dir}: expected a Pascal VOC or COCO folder")
    if data_format is None:
        found = [
            name for name, is_it in (("voc", voc.is_voc), ("coco", coco.is_coco)) if is_it(data_dir)
        ]
        if len(found) != 1:
            inside = ", ".join(sorted(path.name for path in data_dir.iterdir())[:8]) or "nothing"
            raise DataSetError(
                f"{data_dir} looks like {' and '.join(found) or 'neither Pascal VOC nor COCO'} "
                f"(it holds {inside}); say which with --format voc or --format coco"
            )
        data_format = found[0]
    return prepare(
        _READERS[data_format](data_dir),
        on_bad_input=on_bad_input,
        validation_fraction=validation_fraction,
        seed=seed,
        class_names=class_names,
    )
