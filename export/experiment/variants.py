"""The four ways of training that are compared.

Two of them are mistakes. They exist here, and nowhere else on the command line, to be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from export.classifier.beginning import Beginning, OpenWork, begin
from export.classifier.model import Classifier
from export.classifier.photographs import Photographs
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train, train_whole
from export.training.outcome import Decision, FineTuning, Trained

Begin = Callable[[ClassifierSettings, Photographs, OpenWork], Beginning]
Train = Callable[[Beginning], Trained[Classifier]]


@dataclass(frozen=True)
class Variant:
    """One way of training.

    Attributes:
        name: On the command line and in the results.
        title: For people.
        begin: Prepares it, with settings from :meth:`settings`.
        train: Trains it.
        pretrained: Whether the base starts from pretrained weights.
        whole: Whether all layers train from the start, for a number of epochs of their own.
        fine_tunes: Whether there is a phase 2.
    """

    name: str
    title: str
    begin: Begin = begin
    train: Train = train
    pretrained: bool = True
    whole: bool = False
    fine_tunes: bool = False

    def settings(self, common: ClassifierSettings, whole_epochs: int) -> ClassifierSettings:
        """Return this variant's settings.

        Args:
            common: What all variants share, the seed included.
            whole_epochs: Epochs of the variants that train all layers: fewer than a head's, because
                one of theirs costs more than all of a head's on features computed once.
        """
        return replace(
            common,
            weights=common.weights if self.pretrained else "none",
            epochs=whole_epochs if self.whole else common.epochs,
            fine_tune_epochs=common.fine_tune_epochs if self.fine_tunes else 0,
        )


def begin_unfrozen(
    settings: ClassifierSettings, photographs: Photographs, open_work: OpenWork
) -> Beginning:
    """Prepare for :func:`train_all_layers`.

    No part of the base is frozen, so none has features that stay as they are. The alarm about its
    statistics would end what is to be measured; the shift is on record all the same.
    """
    return begin(replace(settings, cache_features=False), photographs, open_work, base_learns=True)


def train_all_layers(beginning: Beginning) -> Trained[Classifier]:
    """Train every layer of a pretrained base from the start, at the head's learning rate.

    The mistake that the rules prevent, to measure what it costs. The command that publishes cannot
    do this.
    """
    return train_whole(beginning, FineTuning(Decision.NOT_ASKED))


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("random", "random weights, all layers", pretrained=False, whole=True),
        Variant(
            "unfrozen",
            "pretrained, all layers from the start",
            begin_unfrozen,
            train_all_layers,
            whole=True,
        ),
        Variant("head", "pretrained, head only"),
        Variant("phases", "pretrained, two phases", fine_tunes=True),
    )
}
"""Variant by name, in the order of the table."""
