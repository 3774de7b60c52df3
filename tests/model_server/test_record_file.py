"""TFRecord files read without TensorFlow, held to what TensorFlow reads in each of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from model_server.models.record_file import RecordError, read_records
from tests.model_server.conftest import HERE
from tests.running import PATIENCE_S
from tests.warm.warmth import warm_python


def read(path: Path) -> tuple[list[str], str]:
    records: list[str] = []
    try:
        for record in read_records(path):
            records.append(record.decode())  # those before the damage count
    except RecordError as err:
        return records, str(err)
    return records, ""


def test_every_damage_is_read_as_tensorflow_reads_it(tmp_path: Path) -> None:
    command = [warm_python(), str(HERE / "record_files.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
    expected = json.loads(done.stdout)
    assert len(expected) > 200
    assert sum(bool(error) for _, error in expected.values()) > 100
    for name, (records, error) in expected.items():
        # What was read before the damage counts, one by one, as the iterator gave it.
        found = read(tmp_path / name)
        assert found == (records, error), name


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        list(read_records(tmp_path / "none"))
