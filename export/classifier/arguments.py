"""The command's options, apart from it so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.classifier.backbones import BACKBONES
from export.classifier.settings import AUGMENTATIONS, ClassifierSettings
from export.lineage.arguments import add_recording_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    defaults = ClassifierSettings()
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a folder of class folders")
    add("--out", type=Path, required=True, metavar="MODELS", help="where versions are published")
    add("--backbone", default=defaults.backbone, help=", ".join(BACKBONES))
    add("--image-size", type=int, metavar="N", help="side in pixels (default: the backbone's own)")
    add(
        "--weights",
        default=defaults.weights,
        metavar="auto|imagenet|none|PATH",
        help="auto: ImageNet's, or a mirror where their host is out of reach (default)",
    )
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
        type=lambda text: tuple(text.split(",")),
        nargs="?",
        const=AUGMENTATIONS,
        default=defaults.augment,
        metavar="NAME[,NAME…]",
        help=f"change training photographs at random, slower: {','.join(AUGMENTATIONS)} "
        "(all when none is named)",
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
        metavar="none|mirrored|multi_worker",
        help="on one device (default), on all of this machine, or of the machines in TF_CONFIG",
    )
    add_recording_arguments(parser)


def _layers(text: str) -> tuple[int, ...]:
    """Read ``15,30,50``."""
    return tuple(int(number) for number in text.split(","))


# argparse names the type in its message: "invalid list of numbers value".
_layers.__name__ = "list of numbers"
