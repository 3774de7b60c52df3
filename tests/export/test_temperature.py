"""The temperature, held to SciPy's own search for the highest likelihood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.calibration import calibration_curve

from export.classifier.temperature import expected_error, fit_temperature
from signature_contract import contract as contracts
from tests.running import Ran


def overconfident(classes: int, factor: float, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are ``factor`` times what their labels were drawn by."""
    random = np.random.default_rng(classes)
    fair = random.normal(0, 2, (count, classes))
    labels = np.array([random.choice(classes, p=softmax(row)) for row in fair])
    return (fair * factor).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3, 20])
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_it_is_the_likeliest(classes: int, factor: float) -> None:
    logits, labels = overconfident(classes, factor)

    def loss(temperature: float) -> float:
        return float(-log_softmax(logits / temperature, axis=1)[range(len(labels)), labels].mean())

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    assert fit_temperature(logits, labels) == (pytest.approx(best, rel=1e-3), "")


def test_it_mends_what_was_overconfident() -> None:
    logits, labels = overconfident(3, 3.0)
    temperature, _ = fit_temperature(logits, labels)
    assert expected_error(logits / temperature, labels) < expected_error(logits, labels) / 3


def test_the_error_is_scikit_learns() -> None:
    logits, labels = overconfident(2, 2.0)
    probabilities = softmax(logits, axis=1)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=15)
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = (np.abs(accuracy - mean) * counts[counts > 0]).sum() / len(labels)
    assert expected_error(logits, labels) == pytest.approx(expected, abs=1e-6)


def test_few_mistakes_tell_nothing() -> None:
    logits = np.array([[3.0, 0.0]] * 30, np.float32)
    temperature, reason = fit_temperature(logits, np.array([0] * 27 + [1] * 3))
    assert temperature == 1.0
    assert reason == "3 of 30 validation photographs are mistaken, too few to tell"


def test_it_stays_within_bounds() -> None:
    random = np.random.default_rng(0)
    hopeless = random.normal(0, 5, (100, 2)).astype(np.float32)
    temperature, _ = fit_temperature(hopeless, random.integers(0, 2, 100))
    assert 4.9 < temperature <= 5.0


@pytest.mark.training
def test_rounding_may_be_as_much_wider_as_the_logits_are(
    export: Callable[..., Ran], tmp_path: Path
) -> None:
    """A network sharpened that much gave TFLite's answers just beyond the usual tolerance."""
    random = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(60):
            mistaken = number % 8 == 0  # the labels of an eighth are wrong
            around = 250 - level if mistaken else level
            pixels = random.normal(around, 30, (64, 64, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    ran = export(
        *("classifier", "--data", tmp_path / "data", "--out", tmp_path / "models"),
        *("--image-size=96", "--epochs=6", "--fine-tune-epochs=0", "--learning-rate=1e-3"),
        *("--validation-fraction=0.5", "--allow-leaks"),
    )
    assert ran.code == 0, ran.err
    temperature = ran.result["validation"]["calibration"]["temperature"]
    assert temperature < 0.9, "not sharpened: the test shows nothing"
    contract = contracts.load(Path(ran.result["path"]))
    for signature in contract.signatures.values():
        logits, probabilities = (
            signature.outputs[name].tolerance for name in ("logits", "probabilities")
        )
        assert logits.absolute == pytest.approx(2e-4 / temperature, rel=0.01)
        assert logits.relative == 2e-5
        assert probabilities.absolute == pytest.approx(5e-5 / temperature, rel=0.01)
