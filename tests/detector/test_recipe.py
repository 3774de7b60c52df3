"""The recipe's options together, on MobileNetV2: trained, published and measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import run_export

pytestmark = pytest.mark.training

RECIPE = (
    *("--backbone=mobilenet_v2", "--grid-sensitivity=2", "--neighbour-cells"),
    *("--iou-objectness=0.5", "--label-smoothing=0.05", "--ema=0.95", "--mosaic=0.5"),
    *("--image-size=64", "--views=1", "--epochs=8", "--fine-tune-epochs=8", "--batch-size=2"),
    "--learning-rate=0.003",
)


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, write_voc: Callable[..., Path]
) -> tuple[dict[str, Any], Path]:
    """A training with all of them; its data."""
    home = tmp_path_factory.mktemp("recipe")
    data = write_voc(home / "voc", count=16, seed=4, split=12)
    ran = run_export("detector", f"--data={data}", f"--out={home / 'models'}", *RECIPE)
    assert ran.code == 0, ran.err
    return ran.result, data


def test_three_scales_learn(published: tuple[dict[str, Any], Path]) -> None:
    result, _ = published
    record = json.loads((Path(result["path"]) / "assets.extra" / "run.json").read_text())
    assert record["strides"] == [32, 16, 8]
    assert result["weights"]["source"] in {"imagenet", "mirror"}
    assert result["map50"] > 0.2  # after seconds of training; by chance it would be near 0


def test_what_is_served_decodes_boxes_as_they_were_taught(
    published: tuple[dict[str, Any], Path],
) -> None:
    """Measured by pycocotools on the server's answers: the mAP while training was of our own."""
    result, data = published
    ran = run_export("evaluate", "detector", result["path"], f"--data={data}")
    assert ran.code == 0, ran.err
    assert ran.result["map50"] == pytest.approx(result["map50"], abs=0.02)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--neighbour-cells"], "neighbour_cells needs grid_sensitivity 2"),
        (["--grid-sensitivity=3"], "grid_sensitivity must be from 1 to 2"),
        (["--ema=1"], "ema must be from 0 to below 1"),
        (["--mosaic=2"], "mosaic is a share of the images"),
        (["--mosaic=1", "--no-augment"], "mosaic changes images at random"),
        (["--mosaic=1", "--fine-tune-epochs=0"], "mosaic puts together the images of phase 2"),
        (["--iou-objectness=-1"], "iou_objectness is a share"),
        (["--box-weight=-1"], "box_weight must be a number from 0"),
        (["--box-weight=nan"], "box_weight must be a number from 0"),
        (["--label-smoothing=1"], "label_smoothing must be from 0 to below 1"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(
    options: list[str], complaint: str, tmp_path: Path
) -> None:
    ran = run_export("detector", f"--data={tmp_path}", f"--out={tmp_path / 'models'}", *options)
    assert ran.code == 2
    assert complaint in ran.err
    assert not (tmp_path / "models").exists()
