"""Reports of real versions, made as people make them, and a browser to open them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image

from tests.needs import demand, find_chromium
from tests.once import Once
from tests.report import browser
from tests.running import Ran, run_export

REPO = Path(__file__).resolve().parents[2]

HOSTILE = "<b>&\"'"
LONG = "a class whose name goes on and on and on, second edition"


def result_of(ran: Ran) -> dict[str, Any]:
    """Return the JSON object that a command printed, which must have worked."""
    assert ran.code == 0, ran.err
    return ran.result


@pytest.fixture(scope="session")
def report(once: Once, published: Path) -> dict[str, Any]:
    """The result of ``report`` on the published classifier: pretrained, two phases asked for."""

    def make(out: Path) -> dict[str, Any]:
        return result_of(run_export("report", f"--model={published}", f"--out={out}"))

    result: dict[str, Any] = once("report", make)
    return result


@pytest.fixture(scope="session")
def poor_version(once: Once) -> Path:
    """A classifier that has learnt next to nothing, of classes with names hard to show.

    Its head saw 32 by 32 pixels for one epoch: it has misclassifications and no phase 2. Its files
    have spaces, a percent sign and an umlaut in their names.
    """

    def make(home: Path) -> str:
        data = home / "data & more"
        pictures = {HOSTILE: "brick", LONG: "grass", "$x$ 猫": "gravel"}
        for name, source in pictures.items():
            (data / name).mkdir(parents=True)
            picture = Image.fromarray(getattr(skimage.data, source)()).convert("RGB")
            for index in range(15):
                top, left = divmod(index, 4)
                tile = picture.crop((left * 64, top * 64, left * 64 + 64, top * 64 + 40 + index))
                tile.save(data / name / f"100 % größe {index}.jpg")
        arguments = [f"--data={data}", f"--out={home / 'models'}", "--image-size=32"]
        arguments += ["--epochs=1", "--fine-tune-epochs=0", "--no-tflite"]
        return str(result_of(run_export("classifier", *arguments))["path"])

    return Path(once("poor_version", make))


@pytest.fixture(scope="session")
def poor_report(once: Once, poor_version: Path) -> dict[str, Any]:
    """The result of ``report`` on ``poor_version``, with an evaluation."""

    def make(out: Path) -> dict[str, Any]:
        evaluation = out / "evaluation.json"
        run_export(
            "evaluate", "classifier", f"--model={poor_version}", f"--json={evaluation}",
            "--min-accuracy=0.99",
        )  # fmt: skip  # exits 1: the minimum is missed
        arguments = [f"--model={poor_version}", f"--out={out}", f"--evaluation={evaluation}"]
        return result_of(run_export("report", *arguments))

    result: dict[str, Any] = once("poor_report", make)
    return result


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    """A page of a headless browser."""
    demand("browser")
    program = find_chromium()
    assert program
    with browser.running(program, tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def open_page(tab: browser.Tab) -> Callable[[dict[str, Any]], browser.Tab]:
    """``open_page(result)``: the browser with that report's page in it."""

    def show(result: dict[str, Any]) -> browser.Tab:
        tab.open(Path(result["page"]))
        return tab

    return show
