"""The network of a training: base, pretrained weights, new head."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import keras

from export.classifier import model as models
from export.classifier.augmentation import Augmentation, augmentation
from export.classifier.backbones import backbone
from export.classifier.model import Classifier
from export.classifier.pretrained import load_pretrained
from export.classifier.settings import ClassifierSettings
from export.training.distribution import Distribution
from export.training.input_range import check_preprocessing
from export.weights import WeightsRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Construction:
    """A network that is ready to be trained.

    Attributes:
        classifier: The network, its base frozen.
        weights: What the base was filled with.
        augmentation: Changes training photographs; None when nothing does.
    """

    classifier: Classifier
    weights: WeightsRecord
    augmentation: Augmentation | None

    @property
    def is_pretrained(self) -> bool:
        """Whether the base knows anything worth keeping."""
        return self.weights.source != "none"


def construct(
    settings: ClassifierSettings, classes: int, distribution: Distribution
) -> Construction:
    """Build the network and fill its base.

    Args:
        settings: The run's settings.
        classes: Number of classes, at least 2.
        distribution: Who trains; the variables are made for them.

    Raises:
        ExportError: A setting cannot work, the preprocessing is wrong, or the weights cannot be
            had.
    """
    spec = backbone(settings.backbone)
    spec.check_size(settings.image_size)
    keras.utils.set_random_seed(settings.seed)
    check_preprocessing(spec.preprocess, spec.input_range)
    if not spec.tested:
        spec.check_against_keras()
        log.warning("%s is not among the tested backbones; its preprocessing is Keras's", spec.name)
    with distribution.scope():
        base = spec.build(settings.image_size)
        weights = load_pretrained(base, spec, settings.image_size, settings.weights)
        classifier = models.build(spec, base, settings, classes)
        return Construction(classifier, weights, augmentation(settings.augment))


def on_one_device(classifier: Classifier, settings: ClassifierSettings) -> Classifier:
    """Return a copy in ordinary variables: mirrored ones cannot be exported."""
    spec = classifier.spec
    copy = models.build(spec, spec.build(settings.image_size), settings, classifier.classes)
    copy.model.set_weights(classifier.model.get_weights())
    return copy
