"""What was trained is never lost: whatever fails afterwards, publication goes on from the disk."""

from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from export.publish import versions
from signature_contract import contract as contracts
from signature_contract.declared.tflite import read_metadata, read_tflite
from tests.kept import Kept
from tests.running import Ran

pytestmark = pytest.mark.training

ROOM = 4_000_000  # bytes a file may have: less than any network here takes


@pytest.fixture(params=["classifier", "detector"])
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.getfixturevalue(f"kept_{request.param}")
    return found


def small_files() -> None:
    """As on a disk that is full: writing beyond the limit fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


@dataclass(frozen=True)
class Continued:
    """A killed run that ``publish`` went on with.

    Attributes:
        model: What it is of, and where its version must be: ``model / "1"``.
        work: The working directory that was published from.
        kept: What stood there of the training.
        network: The trained network as it stood there.
        ran: The command, finished.
    """

    model: Path
    work: Path
    kept: dict[str, Any]
    network: bytes
    ran: Ran

    @property
    def extra(self) -> Path:
        """What the published version carries beside its graph."""
        return Path(self.ran.result["path"]) / "assets.extra"


@pytest.fixture(scope="module", params=["classifier", "detector"])
def continued(
    request: pytest.FixtureRequest,
    export: Callable[..., Ran],
    tmp_path_factory: pytest.TempPathFactory,
) -> Continued:
    kept: Kept = request.getfixturevalue(f"kept_{request.param}")
    models = tmp_path_factory.mktemp("continued") / "models"
    work = kept.copy(models)
    said = json.loads((work / "finished" / "finished.json").read_text(encoding="utf-8"))
    network = (work / "finished" / "model.keras").read_bytes()
    ran = export("publish", work)
    assert ran.code == 0, ran.err
    return Continued(models / kept.arguments[0], work, said, network, ran)


def test_a_killed_run_is_published_without_training(continued: Continued) -> None:
    assert "epoch 1 of" not in continued.ran.err


def test_a_killed_run_is_published_where_it_would_have_been(continued: Continued) -> None:
    assert Path(continued.ran.result["path"]) == continued.model / "1"


def test_the_result_is_that_of_the_training(continued: Continued) -> None:
    published, trained = continued.ran.result, continued.kept["result"]
    assert published["classes"] == trained["classes"]
    assert published["phases"] == trained["phases"]


def test_the_weights_are_those_that_were_trained(continued: Continued) -> None:
    assert (continued.extra / "model.keras").read_bytes() == continued.network


def test_the_record_is_that_of_the_training(continued: Continued) -> None:
    record = json.loads((continued.extra / "run.json").read_text(encoding="utf-8"))
    assert record == continued.kept["record"]


def test_the_contract_has_the_classes_that_were_trained(continued: Continued) -> None:
    version = continued.extra.parent
    assert contracts.load(version).class_names == tuple(continued.kept["class_names"])


def test_what_is_published_is_not_kept_twice(continued: Continued) -> None:
    assert not continued.work.exists()


def test_its_lineage_is_that_of_the_training(continued: Continued) -> None:
    row = json.loads((continued.extra / "lineage.json").read_text(encoding="utf-8"))
    assert row["settings"] == continued.kept["settings"]
    assert row["final_accuracy"] == pytest.approx(continued.kept["accuracy"])


def test_the_same_command_goes_on_there_too(
    export: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    work = kept.copy(tmp_path / "models")
    ran = export(*kept.arguments, f"--out={tmp_path / 'models'}", "--no-tflite")
    assert ran.code == 0, ran.err
    assert "epoch 1 of" not in ran.err
    assert not work.exists()
    assert versions(tmp_path / "models" / kept.arguments[0]) == [1]


def test_a_full_disk_costs_nothing_that_was_trained(
    run_python: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    work = kept.copy(tmp_path / "models")
    before = contents(work)
    ran = run_python("-m", "export", "publish", work, limits=small_files)
    assert (ran.code, ran.out) == (1, "")
    last = ran.err.strip().splitlines()[-1]
    models = tmp_path / "models"
    assert f"What was trained is kept in {work};" in last
    assert last.endswith(f"without training: python -m export publish {work} --out {models}")
    assert contents(work) == before
    home = tmp_path / "models" / kept.arguments[0]
    assert [p.name for p in home.iterdir()] == [work.name], "nothing half-written is left"


def test_room_for_what_will_be_trained_is_set_aside_before_the_training(
    run_python: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    arguments = ("-m", "export", *kept.arguments, f"--out={tmp_path / 'models'}")
    ran = run_python(*arguments, limits=small_files)
    assert (ran.code, ran.out) == (1, "")
    assert "epoch 1 of" not in ran.err
    assert "cannot set aside" in ran.err.strip().splitlines()[-1]
    assert "--work" in ran.err.strip().splitlines()[-1]


def test_it_can_be_published_elsewhere(
    export: Callable[..., Any], kept_detector: Kept, tmp_path: Path
) -> None:
    work = tmp_path / "carried along"
    kept_detector.copy(tmp_path / "models").rename(work)
    refused = export("publish", work)
    assert refused.code == 1
    assert "say where to publish with --out MODELS" in refused.err
    ran = export("publish", work, f"--out={tmp_path / 'other'}", "--no-tflite")
    assert ran.code == 0, ran.err
    assert not (Path(ran.result["path"]) / "model.tflite").exists()
    assert Path(ran.result["path"]) == tmp_path / "other" / "detector" / "1"


def test_a_file_for_litert_lies_beside_the_graph(continued: Continued) -> None:
    file = continued.extra.parent / "model.tflite"
    declared = read_tflite(file).signatures
    own = contracts.load(continued.extra.parent)
    if own.model == "detector":
        assert list(declared) == ["candidates"]
    else:
        whole = own.resolved("serving_default")
        assert declared["serving_default"].inputs.keys() == whole.inputs.keys()
        assert declared["serving_default"].outputs.keys() == whole.outputs.keys() - {"classes"}
    # As TensorFlow Serving reads it, which does not look at the declaration.
    assert read_metadata(file.read_bytes(), "signature_defs_metadata")


def test_in_int8_it_is_a_quarter_and_as_good(
    export: Callable[..., Any], kept_classifier: Kept, tmp_path: Path
) -> None:
    work = kept_classifier.copy(tmp_path / "models")
    ran = export("publish", work, "--tflite=int8")
    assert ran.code == 0, ran.err
    version = Path(ran.result["path"])
    graph, file = ((version / name).stat().st_size for name in ("saved_model.pb", "model.tflite"))
    assert file < 0.4 * graph
    assert re.search(r"int8: [01]\.\d+ on \d+ photographs, [01]\.\d+ before", ran.err)


def _remove(work: Path) -> None:
    shutil.rmtree(work / "finished")


def _cut(work: Path) -> None:
    document = work / "finished" / "finished.json"
    document.write_text(document.read_text(encoding="utf-8")[:100], encoding="utf-8")


def _cut_pictures(work: Path) -> None:
    pictures = work / "finished" / "pictures.npz"
    pictures.write_bytes(pictures.read_bytes()[:1000])


def _cut_weights(work: Path) -> None:
    weights = work / "finished" / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:1_000_000])


def _lose(work: Path) -> None:
    (work / "finished" / "model.keras").unlink()


def _newer(work: Path) -> None:
    document = work / "finished" / "finished.json"
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace('"format": 1', '"format": 2'), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "is no working directory of a training"),
        (_remove, "has not finished; the same command that began it goes on with it"),
        (_cut, "is damaged"),
        (_cut_pictures, "is damaged"),
        (_cut_weights, "weights.npz are damaged"),
        (_lose, "has lost its model.keras; delete "),
        (_newer, "was written in format 2, this release reads 1"),
    ],
)
def test_what_cannot_be_published_is_said_in_a_sentence(
    export: Callable[..., Any],
    kept_detector: Kept,
    tmp_path: Path,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    work = kept_detector.copy(tmp_path / "models")
    damage(work)
    ran = export("publish", work)
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
