"""Every setting of a classifier's training, checked before anything runs, saved with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from export.errors import SettingsError


@dataclass(frozen=True)
class ClassifierSettings:
    """How one classifier is trained.

    Attributes:
        backbone: A name in :data:`export.classifier.backbones.BACKBONES`.
        image_size: Side of the square input in pixels.
        weights: ``auto``, ``imagenet``, ``none`` or a path.
        epochs: Most epochs of phase 1 (the head alone), at least 1.
        fine_tune_epochs: Most epochs of phase 2 (the top of the base too); 0 leaves it out.
        fine_tune_layers: Layers of the base that phase 2 trains, counted from its top. Fewer than
            20 adapt little, more than 50 need more photographs than transfer learning has.
        batch_size: Photographs a step.
        learning_rate: Adam's in phase 1.
        fine_tune_learning_rate: Adam's in phase 2, a hundredth, so that pretrained features are
            adjusted and not overwritten (Keras's transfer-learning guide).
        dropout: Share of features dropped before the head's last layer.
        patience: Epochs without a lower validation loss before a phase ends.
        validation_fraction: Share of each class held out.
        augment: Flip, brighten, contrast and zoom training photographs at random. Features can
            then not be computed once, so each epoch runs the whole base.
        cache_features: Compute the frozen part's features once. The result is the same without.
        seed: Of the split, the initial head, the order of photographs and the dropout.
    """

    backbone: str = "mobilenet_v2"
    image_size: int = 160
    weights: str = "auto"
    epochs: int = 20
    fine_tune_epochs: int = 10
    fine_tune_layers: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    fine_tune_learning_rate: float = 1e-5
    dropout: float = 0.2
    patience: int = 5
    validation_fraction: float = 0.2
    augment: bool = False
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
            ("fine_tune_layers", 1, 50),
            ("batch_size", 1, 65_536),
            ("patience", 1, 10_000),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} must be from {low} to {high}, received {value}")
        if not 0 < self.validation_fraction < 1:
            raise SettingsError(
                f"validation_fraction must lie between 0 and 1, received {self.validation_fraction}"
            )
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout must be at least 0 and under 1, received {self.dropout}")
        if not 0 < self.fine_tune_learning_rate <= self.learning_rate:
            raise SettingsError(
                "fine_tune_learning_rate must be above 0 and at most learning_rate "
                f"({self.learning_rate:g}), received {self.fine_tune_learning_rate:g}"
            )

    @property
    def caches_features(self) -> bool:
        """Whether the frozen part runs once: asked for, and nothing changes what it gives."""
        return self.cache_features and not self.augment and self.weights != "none"

    def to_json(self) -> dict[str, Any]:
        """Return the settings as they are saved with the run."""
        return asdict(self)
