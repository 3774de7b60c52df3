"""The four ways of training that are compared.

Two of them are mistakes. They exist here, and nowhere else on the command line, to be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from export.classifier.outcome import Trained
from export.classifier.photographs import Photographs
from export.classifier.run import OpenWork
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train, train_all_layers

Train = Callable[[ClassifierSettings, Photographs, OpenWork], Trained]


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Attributes:
        name: On the command line and in the results.
        title: For people.
        train: Trains it, with settings from :meth:`settings`.
        pretrained: Whether the base starts from pretrained weights.
        whole: Whether all layers train from the start, for a number of epochs of their own.
        fine_tunes: Whether there is a phase 2.
    """

    name: str
    title: str
    train: Train
    pretrained: bool = True
    whole: bool = False
    fine_tunes: bool = False

    def settings(self, common: ClassifierSettings, whole_epochs: int) -> ClassifierSettings:
        """Return this arm's settings.

        Args:
            common: What all arms share, the seed included.
            whole_epochs: Epochs of the arms that train all layers: fewer than a head's, because
                one of theirs costs more than all of a head's on features computed once.
        """
        return replace(
            common,
            weights=common.weights if self.pretrained else "none",
            epochs=whole_epochs if self.whole else common.epochs,
            fine_tune_epochs=common.fine_tune_epochs if self.fine_tunes else 0,
        )


ARMS = {
    arm.name: arm
    for arm in (
        Arm("random", "random weights, all layers", train, pretrained=False, whole=True),
        Arm("unfrozen", "pretrained, all layers from the start", train_all_layers, whole=True),
        Arm("head", "pretrained, head only", train),
        Arm("phases", "pretrained, two phases", train, fine_tunes=True),
    )
}
"""Arm by name, in the order of the table."""
