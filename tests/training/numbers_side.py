"""Numbers that are none, and guards with nothing to watch; run by the tests as a program.

Prints one JSON object. The pytest process itself never imports TensorFlow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from export.errors import ExportError
from export.training.batch_norm import BatchNormGuard, Statistics, relative_shift
from export.training.finite import FiniteGuard

Array = np.ndarray[Any, Any]

_INPUTS = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
_TARGETS = _INPUTS.sum(1, keepdims=True)


def outcome(action: Callable[[], Any]) -> list[str] | None:
    """Return the type and message of what an action raises; None when it passes."""
    try:
        action()
    except ExportError as err:
        return [type(err).__name__, str(err)]
    return None


class Epochs(keras.callbacks.Callback):
    """Counts the steps and epochs that were done."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = self.epochs = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.epochs += 1


def losses() -> dict[str, Any]:
    """Train with what usually makes a loss that is no number, and once rightly."""

    class HalfBlind(keras.losses.Loss):
        """Finite, and its gradient is not: the derivative of a root at zero."""

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return keras.ops.sqrt(keras.ops.maximum(0.0 * y_pred, 0.0)) + 0.0 * y_true

    def fit(
        *,
        rate: float = 0.1,
        inputs: Array = _INPUTS,
        held_out: Array | None = _INPUTS,
        batch_size: int = 2,
        loss: Any = "mse",
        start: float | None = None,
    ) -> dict[str, Any]:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="out")], name="net")
        model.compile(keras.optimizers.SGD(rate), loss)
        if start is not None:
            model.set_weights([np.full_like(weights, start) for weights in model.get_weights()])
        counted = Epochs()
        error = outcome(
            lambda: model.fit(
                inputs,
                _TARGETS,
                validation_data=None if held_out is None else (held_out, _TARGETS),
                batch_size=batch_size,
                epochs=5,
                shuffle=False,
                verbose=0,
                callbacks=[FiniteGuard(), counted],
            )
        )
        return {"error": error, "steps": counted.steps, "epochs": counted.epochs}

    damaged = _INPUTS.copy()
    damaged[5, 0] = np.nan
    return {
        "right": fit(),
        "rate": fit(rate=1e20),
        "inputs": fit(inputs=damaged),
        "validation": fit(held_out=damaged),
        "gradient": fit(loss=HalfBlind(), held_out=None, batch_size=8),
        "weights": fit(start=math.inf),
    }


def shifts() -> dict[str, float]:
    """Measure the shift of statistics that are, or become, no numbers."""

    def statistics(mean: list[float], variance: list[float]) -> Statistics:
        return Statistics(np.array(mean, "float32"), np.array(variance, "float32"), 1e-3)

    sound = statistics([0, 0], [1, 1])
    nan, inf = math.nan, math.inf
    return {
        "nothing": relative_shift(sound, sound),
        "variance nan": relative_shift(sound, statistics([0, 0], [1, nan])),
        "variance inf": relative_shift(sound, statistics([0, 0], [inf, 1])),
        "mean nan": relative_shift(sound, statistics([nan, 0], [1, 1])),
        "nan before": relative_shift(statistics([nan, 0], [1, 1]), statistics([nan, 0], [1, 1])),
        "all nan before": relative_shift(
            statistics([nan, nan], [1, 1]), statistics([nan, nan], [1, 1])
        ),
        "nan before, the other moved": relative_shift(
            statistics([nan, 0], [1, 1]), statistics([nan, 1], [1, 1])
        ),
    }


def base(*, norm: bool = True, built: bool = True) -> Any:
    """Return a small network."""
    layers = [keras.layers.Dense(2), *([keras.layers.BatchNormalization(name="n")] if norm else [])]
    model = keras.Sequential(layers, name="small")
    if built:
        model.build((None, 4))
    return model


def _move(model: Any, by: float) -> None:
    layer = model.get_layer("n")
    layer.moving_mean.assign(keras.ops.convert_to_numpy(layer.moving_mean) + by)


def nothing_to_watch() -> dict[str, Any]:
    """Make guards too early, for a base without statistics, and for a damaged one."""
    late = base(built=False)
    guard = BatchNormGuard(late)
    with guard.phase(1):
        late.build((None, 4))
    with guard.phase(2):
        pass
    caught = outcome(lambda: _phase(guard, late, 3, 0.5))
    damaged = base()
    damaged.get_layer("n").moving_variance.assign([np.nan, 1.0])
    watching = BatchNormGuard(damaged)
    return {
        "not built": {**guard.to_json(), "error": caught},
        "no norm": BatchNormGuard(base(norm=False)).to_json(),
        "damaged": {
            "error": outcome(lambda: _phase(watching, damaged, 1, 0)),
            **watching.to_json(),
        },
        "normal": BatchNormGuard(base()).to_json(),
    }


def _phase(guard: BatchNormGuard, model: Any, name: int, by: float) -> None:
    with guard.phase(name):
        _move(model, by)


def several_phases() -> dict[str, Any]:
    """Move statistics by 3 % of a standard deviation in each of two phases."""
    model = base()
    guard = BatchNormGuard(model)
    errors = [outcome(lambda n=n: _phase(guard, model, n, 0.03)) for n in (1, 2)]
    return {"errors": errors, **guard.to_json()}


def _interrupt() -> None:
    """Do what Ctrl-C does, whose signal is ignored by what a shell starts in the background."""
    raise KeyboardInterrupt


def exception() -> dict[str, Any]:
    """Let a phase that has moved statistics end by an exception of its own."""
    model = base()
    guard = BatchNormGuard(model)
    try:
        with guard.phase(1):
            _move(model, 0.5)
            _interrupt()
    except KeyboardInterrupt:
        ended = "KeyboardInterrupt"
    return {"ended": ended, **guard.to_json()}


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "losses": losses(),
                "shifts": {k: v if math.isfinite(v) else "infinite" for k, v in shifts().items()},
                "nothing_to_watch": nothing_to_watch(),
                "several_phases": several_phases(),
                "exception": exception(),
            }
        )
    )
