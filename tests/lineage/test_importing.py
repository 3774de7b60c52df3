"""``lineage import``: a run is one row, found by its id; copies are places of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export.errors import LineageError
from export.lineage.importing import PutOnRecord, put_on_record, read_version
from export.lineage.schema import Experiment, Status
from export.lineage.store import Store
from tests.lineage.rows import FIRST, row, write_version

SECOND = "0b5e0f5d-0000-4000-8000-000000000002"


@pytest.fixture
def store(store_url: str) -> Store:
    return Store.open(store_url)


@pytest.fixture
def original(store: Store, tmp_path: Path) -> Path:
    """A published version that is on record."""
    version = write_version(tmp_path / "models" / "classifier" / "1", row(final_accuracy=0.9))
    assert put_on_record(store, read_version(version)) == PutOnRecord(was_on_record=False)
    return version


def test_a_copy_is_a_further_place_and_changes_nothing_else(
    store: Store, original: Path, tmp_path: Path
) -> None:
    before = store.experiment(FIRST).to_json()
    copy = shutil.copytree(original, tmp_path / "elsewhere" / "classifier" / "4")

    done = put_on_record(store, read_version(copy))
    assert done == PutOnRecord(was_on_record=False, copy_of=str(original))
    found = store.experiment(FIRST)
    assert found.to_json() == {**before, "copies": [{"version": 4, "path": str(copy)}]}
    assert found.places == [str(original), str(copy)]

    assert put_on_record(store, read_version(copy)) == PutOnRecord(was_on_record=True)
    assert put_on_record(store, read_version(original)) == PutOnRecord(was_on_record=True)
    assert store.experiment(FIRST).to_json() == found.to_json(), "it can be repeated"


def test_a_copy_under_the_number_of_another_run_overwrites_neither(
    store: Store, original: Path, tmp_path: Path
) -> None:
    """The fault that was found: looked up by number, the row of the original was replaced."""
    other = write_version(tmp_path / "b" / "classifier" / "1", row(model_id=SECOND, seed=5))
    put_on_record(store, read_version(other))
    copy = shutil.copytree(original, tmp_path / "c" / "classifier" / "2")
    put_on_record(store, read_version(copy))
    found = {run.model_id: (run.published_path, run.seed) for run in store.experiments()}
    assert found == {FIRST: (str(original), 0), SECOND: (str(other), 5)}


def test_a_copy_that_says_otherwise_is_refused_and_shown(
    store: Store, original: Path, tmp_path: Path
) -> None:
    before = store.experiment(FIRST).to_json()
    altered = write_version(
        tmp_path / "classifier" / "2", row(final_accuracy=0.99), seed=9, settings={"epochs": 2}
    )
    with pytest.raises(LineageError) as refused:
        put_on_record(store, read_version(altered))
    said = str(refused.value)
    for line in (
        "final_accuracy: 0.9 on record, 0.99 in the version",
        "seed: 0 on record, 9 in the version",
        'settings: {} on record, {"epochs": 2} in the version',
        "Nothing was changed",
        str(original),
    ):
        assert line in said
    assert store.experiment(FIRST).to_json() == before


def test_a_run_whose_end_was_not_recorded_is_completed(store: Store, tmp_path: Path) -> None:
    store.save(row(status=Status.CRASHED, error="killed", data_fingerprint="", host="a"))
    version = write_version(tmp_path / "classifier" / "3", row(final_accuracy=0.8, host="a"))
    assert put_on_record(store, read_version(version)) == PutOnRecord(was_on_record=False)
    found = store.experiment(FIRST)
    assert (found.status, found.error) == (Status.PUBLISHED, "")
    assert (found.final_accuracy, found.published_version) == (0.8, 3)


def test_a_run_that_began_otherwise_is_not_completed(store: Store, tmp_path: Path) -> None:
    store.save(row(status=Status.CRASHED, seed=1))
    version = write_version(tmp_path / "classifier" / "3", row(seed=2))
    with pytest.raises(LineageError, match="seed: 1 on record, 2 in the version"):
        put_on_record(store, read_version(version))
    assert store.experiment(FIRST).status == Status.CRASHED


def test_a_version_of_the_first_schema_can_be_imported(store: Store, tmp_path: Path) -> None:
    carried = row().to_json()
    for column in ("resumed_from", "store_identity", "copies"):
        del carried[column]
    experiment = Experiment.from_json(carried)
    assert experiment.copies is None
    version = write_version(tmp_path / "classifier" / "1", experiment)
    assert put_on_record(store, read_version(version)) == PutOnRecord(was_on_record=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"created_at": "yesterday"}, "Invalid isoformat string"),
        ({"settings": ["epochs"]}, "settings holds ['epochs'], which is no dict"),
        ({"seed": "0"}, "seed holds '0', which is no int"),
        ({"final_accuracy": "high"}, "final_accuracy holds 'high', which is no float"),
        ({"status": None}, "status is missing"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_damaged_record_is_a_sentence(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    version = write_version(tmp_path / "classifier" / "1", row(), **changes)
    with pytest.raises(LineageError) as refused:
        read_version(version)
    assert said in str(refused.value)
    assert "lineage.json cannot be read" in str(refused.value)
