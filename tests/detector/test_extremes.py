"""What once ended a run after its training: very many objects and classes, nothing learnt."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image, ImageDraw

from signature_contract import contract as contracts
from tests.detector.fixtures import voc_object
from tests.running import run_export

pytestmark = pytest.mark.training

CLASSES, OBJECTS = 80, 300


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Four photographs with 300 objects of 80 classes each and two without any, one epoch."""
    home = tmp_path_factory.mktemp("crowded")
    draw = random.Random(5)  # noqa: S311  # pictures, not secrets
    photographs = ("chelsea", "coffee", "rocket", "astronaut", "brick", "grass")
    for number, name in enumerate(photographs):
        picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((320, 240))
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        objects = []
        for index in range(OBJECTS if number < 4 else 0):
            x, y = draw.randrange(300), draw.randrange(220)
            box = [x, y, x + draw.randint(4, 20), y + draw.randint(4, 20)]
            hue = index % CLASSES
            ImageDraw.Draw(picture).rectangle(box, fill=(3 * hue, 255 - 3 * hue, 128))
            objects.append(voc_object(f"class {hue:02d}", box))
        part = home / "data" / ("valid" if number in (3, 5) else "train")
        part.mkdir(parents=True, exist_ok=True)
        picture.save(part / f"{name}.jpg", quality=90)
        if objects:  # the others have no file of labels
            (part / f"{name}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")
    ran = run_export(
        "detector", f"--data={home / 'data'}", f"--out={home / 'models'}", "--image-size=96",
        "--views=1", "--epochs=1", "--fine-tune-epochs=0", f"--max-detections={OBJECTS}",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return home / "data", ran.result, ran.err


def test_a_version_of_very_many_classes_and_objects_is_published(
    crowded: tuple[Path, dict[str, Any], str],
) -> None:
    _, result, _ = crowded
    contract = contracts.load(Path(result["path"]))
    assert len(contract.class_names) == CLASSES
    assert contract.bound["N"] == OBJECTS


def test_what_has_learnt_nothing_is_not_published_in_silence(
    crowded: tuple[Path, dict[str, Any], str],
) -> None:
    _, result, said = crowded
    assert result["map50"] < 0.01
    assert "as good as none: nothing shows that it has learnt" in said


def test_images_without_objects_are_trained_on_and_counted(
    crowded: tuple[Path, dict[str, Any], str],
) -> None:
    _, result, said = crowded
    assert result["images"] == {"training": 4, "validation": 2, "problems": 0}
    assert "2 images have no XML file and count as images without objects" in said


def test_a_single_pixel_whose_answer_is_a_tie_is_no_golden_request(side: Any) -> None:
    """Plain colour is found in many places with one score; rounding chose among them."""
    assert "serving_default/single_pixel" not in side("golden_names", 0.01)
    assert "serving_default/single_pixel" in side("golden_names", 0.5)
