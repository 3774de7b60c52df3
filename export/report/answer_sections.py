"""What a classifier answers: samples, its worst errors, confusion matrix, calibration."""

from __future__ import annotations

import numpy as np

from export.evaluation import calibration, metrics
from export.evaluation.metrics import Figures
from export.report import calibration_chart, confusion, contact_sheet
from export.report.held_out import HeldOut
from export.report.page import Picture, Section, Table
from export.report.style import picture_names, png

SAMPLES, WORST = 20, 5


def sections(held_out: HeldOut, figures: Figures, seed: int) -> list[Section]:
    """Return the sections that show the answers.

    Args:
        held_out: At least one photograph.
        figures: Of the likeliest classes.
        seed: Chooses the samples, and of the intervals.
    """
    return [
        _samples(held_out, seed),
        _worst(held_out),
        _confusion(held_out, figures),
        _calibration(held_out, seed),
    ]


def unavailable(reason: str) -> list[Section]:
    """Return the same sections, each saying why it is empty."""
    return [
        Section(anchor, heading, missing=[reason])
        for anchor, heading in (
            ("samples", "Sample predictions"),
            ("worst", "Worst misclassifications"),
            ("confusion", "Confusion matrix"),
            ("calibration", "Calibration"),
        )
    ]


def _rows(held_out: HeldOut, positions: list[int], *, gaps: bool = False) -> list[list[str]]:
    rows = []
    for position in positions:
        photograph, label = held_out.photographs[position], int(held_out.predicted[position])
        shown = held_out.shown(position)
        rows.append(
            [
                photograph.name,
                held_out.class_names[photograph.label],
                held_out.class_names[label],
                f"{shown.confidence:.4f}",
                f"{shown.gap:.4f}" if gaps else "right" if shown.right else "wrong",
            ]
        )
    return rows


def _samples(held_out: HeldOut, seed: int) -> Section:
    positions = held_out.sample(SAMPLES, seed)
    shown = [held_out.shown(position) for position in positions]
    right = sum(item.right for item in shown)
    counts = f"{right} right, {len(shown) - right} wrong"
    picture = Picture(
        "sample_predictions.png",
        contact_sheet.draw(shown),
        f"{len(shown)} photographs with truth, prediction and confidence: {counts}. "
        "The table below has them all.",
        "T truth, P prediction, C confidence. Right: green, unbroken frame and a tick. Wrong: red, "
        "broken frame and a cross.",
    )
    return Section(
        "samples",
        "Sample predictions",
        [
            f"{len(shown)} of {held_out.origin}, chosen at random (seed {seed}), each class in "
            f"turn: {counts}. Answered by the exported graph, from the files as they are."
        ],
        [picture],
        [
            Table(
                "The samples in words",
                ["photograph", "truth", "prediction", "confidence", "result"],
                _rows(held_out, positions),
                folded=True,
            )
        ],
        held_out.notes,
    )


def _worst(held_out: HeldOut) -> Section:
    anchor, heading = "worst", "Worst misclassifications"
    positions = held_out.worst(WORST)
    total, wrong = len(held_out.photographs), int((held_out.predicted != held_out.truth).sum())
    if not positions:
        return Section(anchor, heading, [f"None: all {total} photographs were classified right."])
    shown = [held_out.shown(position) for position in positions]
    picture = Picture(
        "worst_misclassifications.png",
        contact_sheet.draw(shown, gaps=True),
        "The misclassified photographs with the largest confidence gap: "
        + "; ".join(
            f"{held_out.photographs[position].name} taken for "
            f"{held_out.class_names[held_out.predicted[position]]}, gap {item.gap:.2f}"
            for position, item in zip(positions, shown, strict=True)
        )
        + ".",
        "G, the gap: the probability of the answer less that of the truth. A gap near 100 % is an "
        "error made with conviction: a wrong label, or something the training never showed.",
    )
    return Section(
        anchor,
        heading,
        [
            f"{wrong} of {total} photographs were misclassified; "
            + ("all of them" if wrong == len(shown) else f"the {len(shown)} worst")
            + ", the largest gap first:"
        ],
        [picture],
        [
            Table(
                "The worst in words",
                ["photograph", "truth", "prediction", "confidence", "gap"],
                _rows(held_out, positions, gaps=True),
                folded=True,
            )
        ],
    )


def _confusion(held_out: HeldOut, figures: Figures) -> Section:
    classes = len(held_out.class_names)
    matrix = figures.confusion
    labels = confusion.most_confused(matrix)
    names = picture_names(held_out.class_names)
    picture = Picture(
        "confusion_matrix.png",
        png(confusion.draw(matrix[np.ix_(labels, labels)], [names[label] for label in labels])),
        f"Confusion matrix of {classes} classes: {int(np.trace(matrix))} of {figures.photographs} "
        "on the diagonal. The table below has each class.",
        "Rows: truth; columns: prediction; numbers: photographs. Errors are framed.",
    )
    text = [f"Of {held_out.origin}, by the likeliest class."]
    if len(labels) < classes:
        text.append(f"Of {classes} classes, the {len(labels)} that are confused most are drawn.")
    tables = [_by_class(held_out, figures), *_legend(held_out)]
    return Section("confusion", "Confusion matrix", text, [picture], tables)


def _by_class(held_out: HeldOut, figures: Figures) -> Table:
    rows = []
    for label, (name, of_class) in enumerate(figures.classes.items()):
        errors = figures.confusion[label].copy()
        errors[label] = 0
        taken = held_out.class_names[int(errors.argmax())] if errors.any() else "—"
        f1 = of_class.f1.interval if of_class.withheld else str(of_class.f1)
        rows.append(
            [name, str(of_class.support), str(of_class.precision), str(of_class.recall), f1, taken]
        )
    headings = ["class", "photographs", "precision", "recall", "F1", "mostly taken for"]
    caption = "Each class, with 95 % intervals"
    if any(of_class.withheld for of_class in figures.classes.values()):
        caption += f"; under {metrics.ENOUGH} photographs, F1 is its interval alone"
    return Table(caption, headings, rows)


def _legend(held_out: HeldOut) -> list[Table]:
    """Explain the names in the pictures where they are not the classes' own."""
    drawn = picture_names(held_out.class_names)
    changed = [
        [short, name]
        for short, name in zip(drawn, held_out.class_names, strict=True)
        if short != name
    ]
    headings = ["in the pictures", "class"]
    return [Table("Names in the pictures", headings, changed)] if changed else []


def _calibration(held_out: HeldOut, seed: int) -> Section:
    measured = calibration.measure(held_out.truth, held_out.probabilities, seed)
    used = [b for b in measured.bins if b.photographs]
    right = held_out.predicted == held_out.truth
    gap = float(held_out.confidence.mean() - right.mean())
    if abs(gap) < 0.005:
        leaning = "On average the confidence fits."
    else:
        word = "over" if gap > 0 else "under"
        leaning = f"On average the version is {word}confident by {abs(gap):.3f}."
    error = measured.expected_error
    picture = Picture(
        "calibration.png",
        png(calibration_chart.draw(measured)),
        f"Reliability diagram: the share that is right against confidence, in {len(used)} bins, "
        f"with the number of photographs in each. Expected calibration error {error.value:.4f}.",
        "Points below the dashed line: more confident than right. The bars say how many "
        "photographs a point stands on; with few of them its interval is wide, and so it should be "
        "read.",
    )
    rows = [
        [
            f"{b.low:.2f} to {b.high:.2f}",
            str(b.photographs),
            f"{b.confidence:.4f}",
            str(b.accuracy),
        ]
        for b in used
    ]
    headings = ["confidence", "photographs", "mean confidence", "share right, 95 % interval"]
    return Section(
        "calibration",
        "Calibration",
        [
            f"Expected calibration error {error}, Brier score {measured.brier}, over {len(right)} "
            f"photographs. {leaning}"
        ],
        [picture],
        [Table("The bins in figures", headings, rows, folded=True)],
    )
