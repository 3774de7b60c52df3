"""Published versions put on record by what they carry: where a store was away, or elsewhere.

A run is one row, found by its ``model_id``. A version's number finds nothing: a copy of a version
has another place, and often another number, and is the same model. So the row of a run that is on
record stays as it is; a copy is noted as a further place; and a version that says otherwise than
the row is refused with what differs: one of the two was changed, and nobody here knows which.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from export.errors import LineageError
from export.lineage.schema import Experiment, Status
from export.lineage.store import Store
from signature_contract.version_files import LINEAGE_FILE, extra

# How a run ended is known to its row alone; where a version is, to whoever looks.
_OF_THE_END = {
    "status",
    "error",
    "finished_at",
    "duration_s",
    "published_version",
    "published_path",
    "store_identity",
    "copies",
}
# What a run that ended without publishing had not come to know.
_OF_THE_OUTCOME = {
    "pretrained_weights",
    "pretrained_weights_description",
    "pretrained_weights_sha256",
    "frozen_layers_count",
    "final_accuracy",
    "fine_tuning_start_epoch",
    "learning_rate_phase2",
    "data_fingerprint",
    "data_directory",
    "metrics",
    "resumed_from",
}
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class PutOnRecord:
    """What became of a version that was to be put on record.

    Attributes:
        was_on_record: Its row, with this place, was there; nothing was changed.
        copy_of: The place of the version that this one is a copy of; None where it is none.
    """

    was_on_record: bool
    copy_of: str | None = None


def read_version(version_dir: Path) -> Experiment:
    """Return the row that a published version carries, with the place it is in now.

    Raises:
        LineageError: It carries none, or what it carries is damaged.
    """
    path = extra(version_dir.resolve(), LINEAGE_FILE)
    if not version_dir.resolve().name.isdecimal():
        raise LineageError(f"{version_dir} is no version: expected MODELS/<model>/<number>")
    try:
        experiment = Experiment.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as err:
        raise LineageError(
            f"{version_dir} carries no {LINEAGE_FILE}: it was published by a version of this "
            "project that kept no lineage, or not by this project"
        ) from err
    except (ValueError, TypeError, OSError) as err:
        raise LineageError(f"{path} cannot be read: {err}") from err
    experiment.published_version = int(version_dir.resolve().name)
    experiment.published_path = str(version_dir.resolve())
    return experiment


def put_on_record(store: Store, found: Experiment) -> PutOnRecord:
    """Put a version's run on record, unless it is.

    Args:
        store: Where.
        found: From :func:`read_version`.

    Returns:
        What became of it.

    Raises:
        LineageError: The store says otherwise of the same run; the message shows what differs.
    """
    with store.transaction() as session:
        query = select(Experiment).where(Experiment.model_id == found.model_id).with_for_update()
        known = session.scalar(query)
        if known is None:
            session.merge(found)
            return PutOnRecord(was_on_record=False)
        _check_same(store, known, found)
        if known.status != Status.PUBLISHED:
            # Its end could not be saved when it came, or the store was away.
            found.store_identity = known.store_identity
            session.merge(found)
            return PutOnRecord(was_on_record=False)
        place = str(found.published_path)
        if place in known.places:
            return PutOnRecord(was_on_record=True)
        further = {"version": found.published_version, "path": place}
        known.copies = [*(known.copies or ()), further]
        return PutOnRecord(was_on_record=False, copy_of=known.published_path)


def _check_same(store: Store, known: Experiment, found: Experiment) -> None:
    unknown = _OF_THE_END
    if known.status != Status.PUBLISHED:
        unknown = unknown | _OF_THE_OUTCOME
    there, here = known.to_json(), found.to_json()
    different = [
        name for name in there if name not in unknown and not _same(there[name], here[name])
    ]
    if different:
        lines = "\n".join(
            f"  - {name}: {_show(there[name])} on record, {_show(here[name])} in the version"
            for name in different
        )
        raise LineageError(
            f"{found.published_path} says otherwise than {store.url} of the run "
            f"{found.model_id}:\n{lines}\nNothing was changed. One of the two was altered after "
            f"the run; compare with the place on record, {known.published_path or 'which is none'}"
        )


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON has them: a database may give 1.0 for 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or one == other


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
