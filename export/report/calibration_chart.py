"""Does a confidence of 80 % mean right in 80 of 100 cases? The picture of it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from export.evaluation.calibration import Calibration
from export.report.style import BLUE, GREY, SKY, new_figure, tidy


def draw(calibration: Calibration) -> Figure:
    """Draw the reliability diagram above the number of photographs in each bin.

    Args:
        calibration: With at least one photograph.

    Returns:
        The figure; a bin without photographs has no point.
    """
    bins = calibration.bins
    used = [b for b in bins if b.photographs]
    figure = new_figure(6.2, 6.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2])
    above.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="confidence = share right")
    above.errorbar(
        [b.confidence for b in used],
        [b.accuracy.value for b in used],
        yerr=np.maximum(
            [
                [b.accuracy.value - b.accuracy.low for b in used],
                [b.accuracy.high - b.accuracy.value for b in used],
            ],
            0,
        ),
        color=BLUE,
        marker="o",
        markersize=6,
        capsize=4,
        linestyle="none",  # a line would join points that stand on one photograph each
        linewidth=1.4,
        label="this version, with 95 % interval",
    )
    above.set(ylabel="share that is right", ylim=(-0.03, 1.05), xlim=(0, 1.02))
    above.set_title(
        f"expected calibration error {calibration.expected_error.value:.4f}", fontsize=11
    )
    above.legend(fontsize=9, loc="upper left")
    tidy(above)
    centers = [(b.low + b.high) / 2 for b in used]
    counts = [b.photographs for b in used]
    width = 0.92 * (bins[0].high - bins[0].low)
    bars = below.bar(centers, counts, width=width, color=SKY, edgecolor=BLUE)
    below.bar_label(bars, [str(count) for count in counts], fontsize=8, padding=2)
    below.set(xlabel="confidence", ylabel="photographs", ylim=(0, max(counts) * 1.3))
    below.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    below.set_xticks(np.linspace(0, 1, 11))
    tidy(below, grid="y")
    return figure
