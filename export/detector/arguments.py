"""The commands' options, apart from them so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from export.detector.backbones import BACKBONES
from export.detector.settings import KEEP, MIRRORS, SHOWN_SCORE, DetectorSettings
from export.edge.arguments import add_beside_arguments
from export.labels.arguments import FORMATS, ON_BAD_INPUT, PARTS
from export.lineage.arguments import add_recording_arguments

_NUMBERS = (
    ("image_size", "side of the network's square in pixels, a multiple of 32"),
    ("epochs", "phase 1, neck and head"),
    ("fine_tune_epochs", "phase 2, the backbone's top too; 0 leaves it out"),
    ("minutes", "most minutes of phase 1; 0 is no limit"),
    ("fine_tune_minutes", "most minutes of phase 2; 0 is no limit"),
    ("batch_size", "images a step"),
    ("learning_rate", "Adam's in phase 1; the backbone's top gets a hundredth in phase 2"),
    ("fine_tune_learning_rate", "neck's and head's in phase 2"),
    ("patience", "epochs without a higher mAP before a phase ends"),
    ("views", "versions of each image whose features phase 1 computes once; 0: none"),
    ("max_scale", "images are scaled at random by up to this factor, and down by it; 1: never"),
    ("max_detections", "most detections an image"),
    ("score_threshold", "detections below it are not answered"),
    ("iou_threshold", "of non-maximum suppression"),
    ("seed", "of everything random"),
)
_RECIPE = (
    ("mosaic", "share of phase 2's images that are put together of four"),
    ("grid_sensitivity", "1 to 2: how far a box's centre may leave its cell"),
    ("ema", "decay a step of a moving average of the weights, which is kept; 0: none"),
)
_LOSS = (
    ("box_weight", "of the loss's term for boxes"),
    ("iou_objectness", "share of a box's IoU in the objectness that is taught, 0 to 1"),
    ("label_smoothing", "how far from 0 and 1 classes are taught, twice over"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    defaults = DetectorSettings()
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a folder of labelled images")
    add("--out", type=Path, required=True, metavar="MODELS", help="where versions are published")
    add("--format", choices=FORMATS, help="default: found by looking")
    add("--classes", metavar="A,B,…", help="the only classes to use (default: the data set's)")
    add(
        "--backbone",
        default=defaults.backbone,
        help="; ".join(f"{row.name}: {row.description}" for row in BACKBONES.values())
        + " (%(default)s)",
    )
    add(
        "--weights",
        default=defaults.weights,
        metavar="auto|none|PATH",
        help="auto: Darknet's own, or a mirror where its host is out of reach (%(default)s)",
    )
    add("--on-bad-input", choices=ON_BAD_INPUT, default=defaults.on_bad_input, help="%(default)s")
    add(
        "--keep",
        choices=KEEP,
        default=defaults.keep,
        help="weights of the epoch with the best validation mAP, or the last (%(default)s)",
    )
    add(
        "--work",
        type=Path,
        metavar="DIR",
        help="where what was trained is kept until it is published (default: below MODELS, found "
        "by settings and data)",
    )
    add(
        "--min-map",
        type=float,
        metavar="M",
        help="publish nothing below this validation mAP@0.5, 0 to 1 (default: warn of one near 0)",
    )
    add("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard's files there")
    add(
        "--mirror",
        choices=MIRRORS,
        default=defaults.mirror,
        help="; ".join(f"{name}: {text}" for name, text in MIRRORS.items()) + " (%(default)s)",
    )
    add("--no-augment", action="store_true", help="leave the images of phase 2 as they are")
    _add_numbers(parser, defaults, _NUMBERS)
    recipe = parser.add_argument_group(
        "recipe", "what helps some data sets and not others; docs/detector.md says what each does"
    )
    _add_numbers(recipe, defaults, _RECIPE)
    _add_numbers(recipe, defaults.loss, _LOSS)
    recipe.add_argument(
        "--neighbour-cells",
        action="store_true",
        help="the nearest cells beside an object's centre learn it too; with --grid-sensitivity 2",
    )
    add_beside_arguments(parser)
    add_recording_arguments(parser)


def _add_numbers(
    group: argparse._ActionsContainer, defaults: object, options: Sequence[tuple[str, str]]
) -> None:
    for name, help_text in options:
        value = getattr(defaults, name)
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value),
            default=value,
            metavar="N",
            help=f"{help_text} (%(default)s)",
        )


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of ``evaluate detector``."""
    add = parser.add_argument
    add("version", type=Path, help="the published version, MODELS/detector/N: its class names")
    add("--data", type=Path, required=True, metavar="DIR", help="a folder of labelled images")
    add("--format", choices=FORMATS, help="default: found by looking")
    add(
        "--part",
        choices=tuple(PARTS),
        help="; ".join(f"{name}: {words}" for name, words in PARTS.items())
        + " (default: validation; in another folder test, or all)",
    )
    add("--server", metavar="HOST:PORT", help="default: start the embedded server on the version")
    add("--pictures", type=Path, metavar="DIR", help="write pictures there")
    add(
        "--score",
        type=float,
        default=SHOWN_SCORE,
        metavar="S",
        help="draw from this score (%(default)s)",
    )
    add("--on-bad-input", choices=ON_BAD_INPUT, default="skip", help="%(default)s")
    add("--validation-fraction", type=float, default=0.2, help="as in training (%(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the split, as in training")
