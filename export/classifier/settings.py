"""Every setting of a classifier's training, checked before anything runs, saved with the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from export import splitting
from export.errors import SettingsError, WeightsError
from export.training.policy import PhasePolicy

AUGMENTATIONS = (
    *("flip", "brightness", "contrast", "zoom", "crop", "color", "mixup", "smoothing"),
)
"""Random changes of training photographs and of what is asked of them, by name."""

LARGEST_LEAK = 0.05
"""Share of the validation photographs that may stand among the training photographs too."""

RECIPES = {
    "light": ("flip", "crop"),
    "strong": ("flip", "crop", "color", "mixup", "smoothing"),
}
"""Changes that go together, by a name of their own."""


def weights_file(choice: str) -> Path | None:
    """Return the file that ``--weights`` names; None for one of its words.

    Raises:
        WeightsError: It is neither.
    """
    if choice in ("auto", "imagenet", "none"):
        return None
    if not Path(choice).is_file():
        raise WeightsError(
            f"no weights file at {choice} (--weights takes auto, imagenet, none or a file)"
        )
    return Path(choice)


@dataclass(frozen=True)
class ClassifierSettings:
    """How one classifier is trained.

    Attributes:
        backbone: A name in :data:`export.classifier.backbones.BACKBONES`.
        image_size: Side of the square input in pixels.
        weights: ``auto``, ``imagenet``, ``none`` or a path.
        epochs: Most epochs of phase 1 (the head alone), at least 1.
        fine_tune_epochs: Most epochs of phase 2 (the top of the base too), divided among its
            steps; 0 leaves it out.
        policy: When phase 2 may start, which layers it trains, how fast, when it is taken back.
        force_fine_tune: Start phase 2 even where the policy refuses; recorded with the run.
        batch_size: Photographs a step.
        class_weights: How much a photograph of each class counts in the training's loss: ``none``
            (each the same), ``balanced`` (each class the same in all), or the weight of each class
            by name.
        learning_rate: Adam's in phase 1.
        dropout: Share of features dropped before the head's last layer.
        validation_fraction: Share of each class held out, where the folders do not say.
        group_by: A regular expression of a photograph's name below the data set; those with the
            same match (its first group, if there is one) are never divided between training and
            validation. Empty: each photograph for itself.
        calibrate: Divide the logits by the temperature that fits the validation photographs best.
        augment: Names in :data:`AUGMENTATIONS`: how training photographs are changed at random.
            Features can then not be computed once, so each epoch runs the whole base.
        cache_features: Compute the frozen part's features once. The result is the same without.
        seed: Of the split, the initial head, the order of photographs and the dropout.
    """

    backbone: str = "mobilenet_v2"
    image_size: int = 160
    weights: str = "auto"
    epochs: int = 50
    fine_tune_epochs: int = 10
    policy: PhasePolicy = field(default_factory=PhasePolicy)
    force_fine_tune: bool = False
    batch_size: int = 32
    learning_rate: float = 1e-3
    dropout: float = 0.2
    class_weights: str | tuple[tuple[str, float], ...] = "none"
    validation_fraction: float = 0.2
    group_by: str = ""
    calibrate: bool = True
    augment: tuple[str, ...] = ()
    cache_features: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            SettingsError: With the setting, what was received and what is possible.
        """
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("fine_tune_epochs", 0, 10_000),
            ("batch_size", 1, 65_536),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} must be from {low} to {high}, received {value}")
        if not 0 < self.learning_rate < math.inf:
            raise SettingsError(f"learning_rate must be above 0, received {self.learning_rate}")
        if not 0 < self.validation_fraction < 1:
            raise SettingsError(
                f"validation_fraction must lie between 0 and 1, received {self.validation_fraction}"
            )
        splitting.pattern(self.group_by)
        self._check_class_weights()
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout must be at least 0 and under 1, received {self.dropout}")
        unknown = [name for name in self.augment if name not in AUGMENTATIONS]
        if unknown or len(set(self.augment)) < len(self.augment):
            raise SettingsError(
                f"augment takes each of {', '.join(AUGMENTATIONS)} at most once, "
                f"received {','.join(self.augment)}"
            )
        self.policy.check_rates(self.learning_rate)

    def _check_class_weights(self) -> None:
        weights = self.class_weights
        if isinstance(weights, str):
            if weights not in ("none", "balanced"):
                raise SettingsError(
                    "class_weights must be none, balanced or a number for each class, received "
                    f"{weights}"
                )
            return
        for name, weight in weights:
            if not (isinstance(weight, int | float) and 0 < weight < math.inf):
                raise SettingsError(
                    f"the weight of the class {name!r} must be a number above 0, received {weight}"
                )

    def weights_of(self, class_names: Sequence[str]) -> tuple[float, ...]:
        """Return the weights that were given by name, in the classes' order.

        Raises:
            SettingsError: One is missing, or names no class.
        """
        given = dict(self.class_weights)  # type: ignore[arg-type]  # not a word
        if given.keys() != set(class_names):
            raise SettingsError(
                f"class weights must name each class ({', '.join(class_names)}), received "
                f"{', '.join(given) or 'none'}"
            )
        return tuple(float(given[name]) for name in class_names)

    @property
    def caches_features(self) -> bool:
        """Whether the frozen part runs once: asked for, and nothing changes what it gives."""
        return self.cache_features and not self.augment and self.weights != "none"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ClassifierSettings:
        """Return the settings that :meth:`to_json` gave."""
        rules = {**document["policy"], "unfreezing": tuple(document["policy"]["unfreezing"])}
        weights = document.get("class_weights", "none")
        values = {
            **document,
            "policy": PhasePolicy(**rules),
            "augment": tuple(document["augment"]),
            "class_weights": weights if isinstance(weights, str) else tuple(weights.items()),
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as they are saved with the run."""
        weights = self.class_weights
        return {
            **asdict(self),
            "augment": list(self.augment),
            "policy": self.policy.to_json(),
            "class_weights": weights if isinstance(weights, str) else dict(weights),
        }
