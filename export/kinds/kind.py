"""What differs between kinds of model; everything else is one code for all.

A kind is one file in this package and the packages that it speaks of. Whatever loads TensorFlow is
loaded when it is used, so that ``--help`` and refusals need not wait for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.edge.kind import EdgeKind
    from export.lineage.run import Run
    from export.publish import Published
    from export.report.kind import ReportKind
    from export.training.finished import Finished

Command = Callable[[argparse.Namespace], dict[str, Any]]
Describe = Callable[[argparse.ArgumentParser], None]
Publish = Callable[["Finished", Path, "Run", str], "Published"]


@dataclass(frozen=True)
class ModelKind:
    """One kind of model.

    Attributes:
        name: Of its contract, of its commands and of its folder below ``MODELS``.
        training_options: Describes the options of ``python -m export NAME``.
        train: Runs that command.
        evaluation: What ``evaluate NAME`` measures, for ``--help``.
        evaluation_options: Describes the options of ``evaluate NAME``.
        evaluate: Runs that command.
        evaluation_keys: What its result always holds.
        publish: Exports, verifies and places what was trained.
        report: Loads what its report shows.
        edge: Loads what its TFLite files hold, and how they are measured.
    """

    name: str
    training_options: Describe
    train: Command
    evaluation: str
    evaluation_options: Describe
    evaluate: Command
    evaluation_keys: tuple[str, ...]
    publish: Publish
    report: Callable[[], ReportKind]
    edge: Callable[[], EdgeKind]
