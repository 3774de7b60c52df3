"""What of a backbone is fine-tuned, and CSPDarknet53 through keras-hub, an optional extra."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from python_client import VisionClient
from tests.running import PATIENCE_S, REPO, Ran

pytestmark = pytest.mark.training

Side = Any
Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [
        ("yolov3_tiny", ["conv_04", "conv_05", "conv_06"]),
        # The last stage: one strided convolution and four blocks of two.
        ("darknet53", [f"conv_{index}" for index in range(43, 52)]),
    ],
)
def test_the_top_trains_and_nothing_below(side: Side, name: str, convolutions: list[str]) -> None:
    found = side("top_of", name)
    assert found["trains"] == convolutions  # no normalisation among them
    assert set(convolutions) <= set(found["top"])
    assert not set(convolutions) & set(found["below"])


def test_mobilenet_v2_is_the_classifiers_with_maps_of_three_strides(side: Side) -> None:
    """Its coarsest map is what Keras's own network gives, on the weights that fill both."""
    found = side("top_of", "mobilenet_v2")
    assert found["shapes"] == [(2, 2, 1280), (4, 4, 576), (8, 8, 192)]
    assert found["parameters"] == 2_257_984  # of keras.applications, without its top
    assert found["trains"][0] == "Conv_1" and "block_16_expand" in found["trains"]
    assert "block_13_expand" not in found["trains"]
    ours, theirs = side("mobilenet_features", skimage.data.chelsea())
    np.testing.assert_allclose(ours, theirs, atol=2e-4)  # Keras divides by 127.5, we multiply
    assert 0.1 < ours.mean() < 1.5


def test_without_keras_hub_one_paragraph_says_what_to_install(
    shapes: Path, run_export: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    missing = "No module named 'keras_hub'"
    (hidden / "keras_hub.py").write_text(f'raise ModuleNotFoundError("{missing}")\n')
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    ran = run_export("detector", "--data", shapes, "--out", tmp_path, "--backbone", "csp_darknet53")
    assert ran.code == 2
    last = ran.err.splitlines()[-1]
    assert last.startswith("python -m export detector: the backbone csp_darknet53 needs keras-hub")
    assert 'pip install "vision-forge[hub]"' in last
    assert "Traceback" not in ran.err and ran.out == ""
    assert not list(tmp_path.glob("detector/*"))


def test_csp_darknet53_gives_three_scales_and_trains_its_last_stage(side: Side) -> None:
    found = side("top_of", "csp_darknet53")
    assert found["shapes"] == [(2, 2, 1024), (4, 4, 512), (8, 8, 256)]
    # timm's cspdarknet53, 27,642,184 with its classifier of 1,025,000, and moving statistics.
    assert found["parameters"] == 26_652_512
    assert found["below"][-1] == found["maps"][1]
    assert found["trains"] and all(name.startswith("stage_4_") for name in found["trains"])
    assert not any(name.endswith("_bn") or "_bn_" in name for name in found["trains"])


def test_csp_darknet53_from_a_preset_folder_to_a_verified_version(
    side: Side, shapes: Path, run_export: Run, tmp_path: Path
) -> None:
    preset = tmp_path / "preset"
    side("save_csp_preset", str(preset))
    ran = run_export(
        "detector", "--data", shapes, "--out", tmp_path / "models", "--backbone", "csp_darknet53",
        "--weights", preset, "--image-size", "64", "--views", "1",
        "--epochs", "1", "--fine-tune-epochs", "1",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    result = ran.result
    assert [phase["name"] for phase in result["phases"]] == ["head", "top"]
    assert result["weights"]["source"] == "file"
    verified = run_export("verify", result["path"])
    assert verified.code == 0, verified.err


# Runs a command and says what the largest of its processes needed, in kilobytes.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def measured(*command: str | Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a command; return it, and the gigabytes that its largest process needed."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=REPO,
    )
    assert ran.returncode == 0, ran.stderr
    return ran, int(ran.stderr.split("peak ")[-1]) * 1024 / 1e9


def test_darknet53_is_trained_published_verified_served_and_asked(
    side: Side, shapes: Path, start_server: Callable[..., Any], tmp_path: Path
) -> None:
    """62 million weights: as constants of a graph they took 10 GB to serve, 12 GB to convert."""
    weights = tmp_path / "darknet53.conv.74"
    side("write_darknet53", str(weights))
    export = (sys.executable, "-m", "export")
    ran, gigabytes = measured(
        *(*export, "detector", f"--data={shapes}", f"--out={tmp_path / 'models'}"),
        *("--backbone=darknet53", f"--weights={weights}", "--image-size=128", "--views=1"),
        *("--batch-size=2", "--epochs=1", "--fine-tune-epochs=1"),
    )
    result = json.loads(ran.stdout)
    assert [phase["name"] for phase in result["phases"]] == ["head", "top"]
    # The second phase needs 2.1, weights, Adam's and gradients; TFLite's converter the rest.
    assert gigabytes < 3.5
    _, gigabytes = measured(*export, "verify", result["path"])
    assert gigabytes < 2
    server = start_server(
        *("--model_name=detector", f"--model_base_path={tmp_path / 'models' / 'detector'}"),
        cold=True,
    )
    photograph = next((shapes / "JPEGImages").iterdir()).read_bytes()
    with VisionClient(server.target, model="detector") as client:
        for _ in range(3):
            client.detect(photograph)
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    assert peak and int(peak[1]) * 1024 < 2e9
    assert server.stop() == 0
