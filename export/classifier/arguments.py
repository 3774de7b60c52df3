"""The command's options, apart from it so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.class_folders import MAX_SKIPPED
from export.classifier.backbones import BACKBONES
from export.classifier.settings import AUGMENTATIONS, LARGEST_LEAK, RECIPES, ClassifierSettings
from export.edge.arguments import add_beside_arguments
from export.lineage.arguments import add_recording_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    defaults = ClassifierSettings()
    _add_data_and_base(parser, defaults)
    _add_phases(parser, defaults)
    _add_data_rules(parser, defaults)
    _add_conditions_and_places(parser, defaults)
    add_beside_arguments(parser)
    add_recording_arguments(parser)


def _add_data_and_base(parser: argparse.ArgumentParser, defaults: ClassifierSettings) -> None:
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder of class folders; or of train/ and val/, each with class folders",
    )
    add(
        "--validation-data",
        type=Path,
        metavar="DIR",
        help="class folders to validate with (default: a share of --data)",
    )
    add("--out", type=Path, required=True, metavar="MODELS", help="where versions are published")
    add(
        "--backbone",
        default=defaults.backbone,
        metavar="NAME",
        help=f"{', '.join(BACKBONES)} are tested; any other of keras.applications is checked as it "
        "starts (%(default)s)",
    )
    add("--image-size", type=int, metavar="N", help="side in pixels (default: the backbone's own)")
    add(
        "--weights",
        default=defaults.weights,
        metavar="auto|imagenet|none|PATH",
        help="auto: ImageNet's, or a mirror where their host is out of reach (default)",
    )


def _add_phases(parser: argparse.ArgumentParser, defaults: ClassifierSettings) -> None:
    add = parser.add_argument
    add("--epochs", type=int, default=defaults.epochs, metavar="N", help="phase 1 (%(default)s)")
    add(
        "--fine-tune-epochs",
        type=int,
        default=defaults.fine_tune_epochs,
        metavar="N",
        help="phase 2, all its steps together; 0 leaves it out (%(default)s)",
    )
    add(
        "--fine-tune-layers",
        type=_layers,
        default=defaults.policy.unfreezing,
        metavar="N[,N…]",
        help="layers of the base that each step of phase 2 trains, from its top "
        f"({','.join(map(str, defaults.policy.unfreezing))})",
    )
    add(
        "--force-fine-tune",
        action="store_true",
        help="start phase 2 even where the head is not ready; recorded with the run",
    )
    add(
        "--augment",
        type=lambda text: RECIPES.get(text, tuple(text.split(","))),
        nargs="?",
        const=RECIPES["light"],
        default=defaults.augment,
        metavar="light|strong|NAME[,NAME…]",
        help="change training photographs at random, slower: light (when none is named) is "
        f"{','.join(RECIPES['light'])}, strong {','.join(RECIPES['strong'])}; there are "
        f"{','.join(AUGMENTATIONS)}",
    )
    add("--batch-size", type=int, default=defaults.batch_size, metavar="N", help="%(default)s")
    add(
        "--learning-rate",
        type=float,
        default=defaults.learning_rate,
        metavar="RATE",
        help="Adam's in phase 1 (%(default)s)",
    )
    add(
        "--fine-tune-learning-rate",
        type=float,
        metavar="RATE",
        help="Adam's in phase 2, 10 to 100 times lower (a hundredth of --learning-rate)",
    )
    add(
        "--class-weights",
        default="none",
        metavar="balanced|none|FILE",
        help="what a photograph of each class counts: all the same (none), each class the same "
        "(balanced), or by a JSON file of numbers by class name",
    )
    add(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        default=defaults.calibrate,
        help="divide the logits by the temperature that fits the validation photographs "
        "(%(default)s)",
    )


def _add_data_rules(parser: argparse.ArgumentParser, defaults: ClassifierSettings) -> None:
    add = parser.add_argument
    add(
        "--validation-fraction",
        type=float,
        default=defaults.validation_fraction,
        metavar="SHARE",
        help="of each class, held out where the folders do not say (%(default)s)",
    )
    add(
        "--group-by",
        default=defaults.group_by,
        metavar="PATTERN",
        help="a regular expression of a photograph's path below --data: those with the same match "
        "(its first group, if it has one) are never divided between training and validation",
    )
    add(
        "--allow-leaks",
        action="store_true",
        help=f"train although more than {100 * LARGEST_LEAK:.0f} %% of the validation photographs "
        "stand among the training photographs too, the same or nearly; recorded with the run",
    )
    add(
        "--max-skipped",
        type=float,
        default=MAX_SKIPPED,
        metavar="SHARE",
        help="most of the photographs that may be unusable (%(default)s)",
    )


def _add_conditions_and_places(
    parser: argparse.ArgumentParser, defaults: ClassifierSettings
) -> None:
    add = parser.add_argument
    add(
        "--min-accuracy",
        type=float,
        metavar="V",
        help="publish nothing below this validation accuracy; exit code 1",
    )
    add(
        "--allow-baseline",
        action="store_true",
        help="publish although always naming the largest class is not clearly worse; recorded "
        "with the run",
    )
    add("--seed", type=int, default=defaults.seed, metavar="N", help="default %(default)s")
    add(
        "--work",
        type=Path,
        metavar="DIR",
        help="where an interrupted run is kept and gone on from (default: below MODELS, found by "
        "settings and data)",
    )
    add("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard's event files there")
    add(
        "--distribute",
        default="none",
        choices=("none", "mirrored", "multi_worker"),
        help="on one device (default), on all of this machine, or of the machines in TF_CONFIG",
    )


def _layers(text: str) -> tuple[int, ...]:
    """Read ``15,30,50``."""
    return tuple(int(number) for number in text.split(","))


# argparse names the type in its message: "invalid list of numbers value".
_layers.__name__ = "list of numbers"
