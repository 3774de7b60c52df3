"""The guide's Java code compiles, and does what the guide says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from signature_contract import contract as contracts
from signature_contract import golden
from tests.running import PATIENCE_S

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "java.md"


@pytest.fixture(scope="module")
def guide_classes(vision_client_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with the compiled classes of every ``java`` block in the guide."""
    folder = tmp_path_factory.mktemp("guide")
    sources = []
    for block in re.findall(r"```java\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        name = re.search(r"^public class (\w+)", block, re.MULTILINE)
        assert name, block
        sources.append(folder / f"{name[1]}.java")
        sources[-1].write_text(block, encoding="utf-8")
    assert sources
    # A wildcard, since javac warns about what the jar's manifest names.
    command = ["javac", "--release", "17", "-Xlint:all,-path,-processing,-classfile", "-Werror"]
    command += ["-proc:none", "-cp", _class_path(vision_client_jar), "-d", str(folder)]
    done = subprocess.run(
        [*command, *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def _class_path(jar: Path) -> str:
    return f"{jar}:{jar.parent / 'lib' / '*'}:{jar.parent / 'junit' / '*'}"


def _run(jar: Path, classes: Path, *arguments: object) -> list[str]:
    command = ["java", "-cp", f"{classes}:{_class_path(jar)}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_guides_programs(
    vision_client_jar: Path,
    guide_classes: Path,
    published: Path,
    classifier_server: str,
    published_detector: Path,
    any_model: Path,
    any_contract: Path,
    any_target: str,
    tmp_path: Path,
) -> None:
    contract = contracts.load(published)
    case = next(c for c in golden.load(published, contract) if c.signature == "serving_bytes")
    image = tmp_path / "image"
    image.write_bytes(case.inputs["image_bytes"][0])
    label = contract.class_names[int(case.outputs["probabilities"][0].argmax())]

    local = _run(vision_client_jar, guide_classes, "ClassifyFiles", published, image)
    assert local[0].split()[0] == label
    assert local[2].startswith("image 0 of 1: expected a whole JPEG or PNG file, received 3 bytes")
    served = _run(vision_client_jar, guide_classes, "AskServer", classifier_server, image)
    assert served[0].split()[0] == label
    for line in _run(vision_client_jar, guide_classes, "FindObjects", published_detector, image):
        assert line.split()[0] in ("disc", "square")
    asked = [any_model / "1", any_contract, any_target]
    assert _run(vision_client_jar, guide_classes, "AskAnyModel", *asked) == ["2.5", "2.5"]
