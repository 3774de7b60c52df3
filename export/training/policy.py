"""When fine-tuning may start, how far it may go, and when it is taken back.

While the head is random its errors are large, and gradients of that size overwrite what the base
knows. Nobody notices: the loss falls all the same, and the model only generalises worse. So the
rules stand in one frozen value, printed and saved with each run, and every refusal names the
figures that were missing.

No TensorFlow here: a policy is arithmetic on an epoch's figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from export.errors import NotFiniteError, SettingsError

FIRST_STEP = 15
"""Most layers that the first unfreezing may take."""

MOST_LAYERS = 50
"""Most layers that any unfreezing may take: more need more photographs than transfer has."""

GENTLEST, BOLDEST = 0.01, 0.1
"""Shares of the head's learning rate between which phase 2's lies."""

LARGEST_SHIFT = 0.05
"""Relative shift of a BatchNorm layer's statistics above which an alarm is raised."""


def wilson_interval(share: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval around a share of some photographs.

    Args:
        share: 0 to 1.
        count: Of photographs, at least 1.
        confidence: Of the interval.

    Returns:
        Both ends of Wilson's score interval (E. B. Wilson, JASA 22, 1927), which, unlike the normal
        approximation, keeps a width where the share is 0 or 1.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    part = z * z / count
    middle = share + part / 2
    width = z * math.sqrt((share * (1 - share) + part / 4) / count)
    return (middle - width) / (1 + part), (middle + width) / (1 + part)


@dataclass(frozen=True)
class PhasePolicy:
    """The rules of training in two phases.

    Attributes:
        patience: Epochs in which the validation loss must improve, or it counts as no longer
            improving and the phase (or the step) ends.
        min_improvement: By how much it must have fallen in them, in the loss's own unit. A head's
            loss creeps downward for ever; a hundredth of the limit below, over five epochs, is
            standing still.
        max_val_loss: Phase 2 needs a validation loss below this.
        min_val_accuracy: Phase 2 needs a validation accuracy above this, 0 to 1.
        min_share_of_best: Phase 2 needs at least this share of the best accuracy that any epoch of
            phase 1 reached.
        unfreezing: Layers of the base that train, counted from its top, one number a step. A
            further step is taken only while the validation loss improves; never is the whole base
            unfrozen.
        min_val_photographs: Phase 2 needs at least as many validation photographs: on fewer, one
            more or less decides what is gain and what harm.
        learning_rate: Adam's in phase 2: 10 to 100 times lower than the head's.
        confidence: Of the interval around the frozen accuracy; an accuracy below it is a
            regression, not noise.
    """

    patience: int = 5
    min_improvement: float = 0.005
    max_val_loss: float = 0.5
    min_val_accuracy: float = 0.85
    min_share_of_best: float = 0.9
    unfreezing: tuple[int, ...] = (15, 30, 50)
    learning_rate: float = 1e-5
    confidence: float = 0.95
    min_val_photographs: int = 20

    def __post_init__(self) -> None:
        """Refuse rules that are none.

        Raises:
            SettingsError: With the rule, what was received and what is possible.
        """
        if not 1 <= self.patience <= 10_000:
            raise SettingsError(f"patience must be from 1 to 10000, received {self.patience}")
        if not 0 <= self.min_improvement < math.inf:
            raise SettingsError(
                f"min_improvement must be 0 or more, received {self.min_improvement}"
            )
        if not self.max_val_loss > 0:
            raise SettingsError(f"max_val_loss must be above 0, received {self.max_val_loss}")
        for name in ("min_val_accuracy", "min_share_of_best"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} must be from 0 to 1, received {value}")
        if not 0 <= self.min_val_photographs <= 1_000_000:
            raise SettingsError(
                "min_val_photographs must be from 0 to 1000000, received "
                f"{self.min_val_photographs}"
            )
        if not 0 < self.confidence < 1:
            raise SettingsError(f"confidence must lie between 0 and 1, received {self.confidence}")
        steps = self.unfreezing
        if (
            not steps
            or steps[0] < 1
            or steps[0] > FIRST_STEP
            or steps[-1] > MOST_LAYERS
            or any(low >= high for low, high in itertools.pairwise(steps))
        ):
            raise SettingsError(
                f"unfreezing must start with 1 to {FIRST_STEP} layers, grow with every step and "
                f"end at {MOST_LAYERS} at most, received {', '.join(map(str, steps)) or 'nothing'}"
            )

    def check_rates(self, head_rate: float) -> None:
        """Refuse a fine-tuning rate that is not 10 to 100 times lower than the head's.

        Args:
            head_rate: Adam's learning rate in phase 1.

        Raises:
            SettingsError: With the range that is possible.
        """
        low, high = head_rate * GENTLEST, head_rate * BOLDEST
        # A hair of room for how decimal numbers round.
        if not low * (1 - 1e-9) <= self.learning_rate <= high * (1 + 1e-9):
            raise SettingsError(
                f"the fine-tuning rate must be 10 to 100 times lower than the head's "
                f"{head_rate:g}: from {low:g} to {high:g}, received {self.learning_rate:g}"
            )

    def no_longer_improving(self, val_losses: Sequence[float]) -> bool:
        """Tell whether the last ``patience`` epochs brought less than ``min_improvement``.

        A loss that is not a number stands for nothing, and least of all for standing still.
        """
        if len(val_losses) <= self.patience or not all(map(math.isfinite, val_losses)):
            return False
        recent, before = val_losses[-self.patience :], val_losses[: -self.patience]
        return not min(recent) < min(before) - self.min_improvement

    def missing(
        self,
        val_losses: Sequence[float],
        val_accuracies: Sequence[float],
        best_epoch: int,
        photographs: int | None = None,
    ) -> list[str]:
        """Say what a head lacks for phase 2.

        Args:
            val_losses: Validation loss after each epoch of phase 1.
            val_accuracies: Validation accuracy after each, 0 to 1.
            best_epoch: Position of the epoch whose weights are to be fine-tuned.
            photographs: Number of validation photographs; None: not known, and not asked for.

        Returns:
            One sentence for each rule that does not hold, with its figures; none: it may start.
        """
        figures = enumerate(zip(val_losses, val_accuracies, strict=True), start=1)
        none = [str(epoch) for epoch, pair in figures if not all(map(math.isfinite, pair))]
        if none:
            return [
                f"validation loss or accuracy is not a number in epoch {', '.join(none)}: lower "
                "the learning rate, and look for values in the data that are no numbers"
            ]
        loss, accuracy = val_losses[best_epoch], val_accuracies[best_epoch]
        wanted = self.min_share_of_best * max(val_accuracies)
        missing = []
        if photographs is not None and photographs < self.min_val_photographs:
            missing.append(
                f"{photographs} validation photographs, must be at least "
                f"{self.min_val_photographs}: on fewer, one more or less decides"
            )
        if not self.no_longer_improving(val_losses):
            missing.append(
                f"validation loss was still improving after {len(val_losses)} epochs (lowest "
                f"{min(val_losses):.4f}; it must gain less than {self.min_improvement:g} in "
                f"{self.patience} epochs): allow more epochs"
            )
        if not loss < self.max_val_loss:
            missing.append(f"validation loss {loss:.4f}, must be under {self.max_val_loss:g}")
        if not accuracy > self.min_val_accuracy:
            missing.append(
                f"validation accuracy {accuracy:.4f}, must be over {self.min_val_accuracy:g}"
            )
        if not accuracy >= wanted:
            missing.append(
                f"validation accuracy {accuracy:.4f}, must be at least {wanted:.4f} "
                f"({self.min_share_of_best:.0%} of phase 1's best, {max(val_accuracies):.4f})"
            )
        return missing

    def regression_limit(self, accuracy: float, photographs: int) -> float:
        """Return the accuracy below which fine-tuning has done harm that is not noise.

        Args:
            accuracy: The best frozen accuracy, 0 to 1.
            photographs: Number of validation photographs it was measured on.

        Returns:
            The lower end of Wilson's score interval (E. B. Wilson, JASA 22, 1927), which, unlike
            the normal approximation, keeps a width where the accuracy is 1.

        Raises:
            NotFiniteError: The accuracy is not a number; nothing could ever lie below it.
        """
        if not math.isfinite(accuracy):
            raise NotFiniteError(f"the frozen accuracy is {accuracy}, which is no number")
        return wilson_interval(accuracy, photographs, self.confidence)[0]

    def to_json(self) -> dict[str, Any]:
        """Return the rules as they are saved with the run."""
        return {**asdict(self), "unfreezing": list(self.unfreezing)}
