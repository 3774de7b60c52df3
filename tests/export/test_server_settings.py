"""A published version's warm-up: what clients send first, and nothing that a server refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SIDE = Path(__file__).with_name("tensorflow_side.py")

SPLITS = "enable_large_batch_splitting { value: true } max_batch_size { value: 64 }"
SETTINGS = {
    # Text of a --batching_parameters_file: most rows it lets through, if fewer than are asked for.
    "small": ("max_batch_size { value: 4 }", None),
    "smaller": ("max_batch_size { value: 3 }", 3),
    "silent": ("# what TensorFlow Serving takes then is enough", None),
    "split": (f"{SPLITS} max_execution_batch_size {{ value: 1 }}", None),
    "no_room": (
        f"{SPLITS} max_execution_batch_size {{ value: 1 }} max_enqueued_batches {{ value: 2 }}",
        3,
    ),
    "not_split": ("max_batch_size { value: 2 } max_execution_batch_size { value: 9 }", 2),
}


@pytest.fixture(scope="module")
def warmed_up(
    published: Path, run_python: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("settings")
    for name, (text, _) in SETTINGS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ran = run_python(SIDE, "warmed_up", published, *(folder / name for name in SETTINGS))
    assert ran.code == 0, ran.err
    result: dict[str, Any] = ran.result
    return result


def test_each_signature_is_asked_for_one_image_and_for_a_batch(warmed_up: dict[str, Any]) -> None:
    assert warmed_up["requests"] == [
        ["serving_default", "input_tensor", 1],
        ["serving_default", "input_tensor", 4],
        ["serving_bytes", "image_bytes", 1],
        ["serving_bytes", "image_bytes", 4],
    ]


def test_the_shipped_settings_let_it_through(warmed_up: dict[str, Any]) -> None:
    assert warmed_up["shipped"] == []


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_would_refuse_it_is_named(name: str, warmed_up: dict[str, Any]) -> None:
    most = SETTINGS[name][1]
    refused = warmed_up["refused"][name]
    if most is None:
        assert refused == []
    else:
        default, encoded = refused
        assert f"expected at most {most} rows, as" in default
        assert f"/{name} lets through, found shape [4, 96, 128, 3]" in default
        assert encoded.startswith('warm-up request 3, serving_bytes "image_bytes"')
