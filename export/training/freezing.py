"""Whether the layers that train are the ones that should.

``layer.trainable = False`` is only a wish: what a model trains is settled when its training step is
first built, and stays so until it is compiled again. Keras says nothing when the two differ: a
layer frozen too late goes on training, one unfrozen too late never does.
"""

from __future__ import annotations

from typing import Any

from export.errors import StaleCompileError, TrainableBaseError

_NAMED = 8  # of the layers or variables in question; the rest are counted


def check_frozen(base: Any) -> None:
    """Refuse a base of which anything trains.

    Args:
        base: The pretrained model, or any layer.

    Raises:
        TrainableBaseError: With the layers that train.
    """
    training = [
        layer.name
        for layer in base._flatten_layers(include_self=True, recursive=True)
        if any(variable.trainable for variable in layer._trainable_variables)
    ]
    if training:
        raise TrainableBaseError(
            f"{base.name} must be frozen while the head is new, but {len(training)} of its layers "
            f"train: {_list(training)}. Set `base.trainable = False`, then compile"
        )


def check_compiled(model: Any) -> None:
    """Refuse a model whose training step was built for other layers than train now.

    A model that was compiled but never trained is right whatever was frozen since: Keras (3.15)
    looks at the layers when ``fit`` first runs.

    Args:
        model: A compiled ``keras.Model``.

    Raises:
        StaleCompileError: With the variables that differ, or because the model is not compiled.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise StaleCompileError(
            f"{model.name} has no optimiser: freeze or unfreeze its layers, then call "
            "model.compile(…)"
        )
    if not optimizer.built:
        return
    settled = {id(v): v.path for v in optimizer._trainable_variables}
    now = {id(v): v.path for v in model.trainable_variables}
    late_frozen = [path for key, path in settled.items() if key not in now]
    late_unfrozen = [path for key, path in now.items() if key not in settled]
    if not late_frozen and not late_unfrozen:
        return
    differences = []
    if late_frozen:
        differences.append(f"frozen since, and would go on training: {_list(late_frozen)}")
    if late_unfrozen:
        differences.append(f"unfrozen since, and would not train: {_list(late_unfrozen)}")
    raise StaleCompileError(
        f"{model.name} was compiled before its layers were frozen or unfrozen, and Keras keeps to "
        f"what it compiled ({'; '.join(differences)}). Call model.compile(…) again, with a new "
        "optimiser, after every change of `trainable`"
    )


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
