"""What differs between the reports of different kinds of model; :mod:`.frame` is alike for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.report.page import Finding, Section
from export.report.record import RunRecord
from signature_contract.contract import Contract


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        version: ``MODELS/<model>/<version>``.
        contract: Its contract.
        record: Of its run.
        data_dir: Where its data set is; None for where it was.
        seed: Chooses what is shown, and splits a data set where nothing else says how.
    """

    version: Path
    contract: Contract
    record: RunRecord
    data_dir: Path | None
    seed: int


@dataclass(frozen=True)
class Answered:
    """What the exported graph answered, for the page.

    Attributes:
        sections: Shown first.
        findings: What a person must know of the answers.
        closing: Sections shown last.
    """

    sections: list[Section]
    findings: list[Finding] = field(default_factory=list)
    closing: list[Section] = field(default_factory=list)


@dataclass(frozen=True)
class ReportKind:
    """The report of one kind of model.

    Attributes:
        ask: Asks the version about images that it was not trained on. Raises DataSetError where
            there are none, and another ExportError where the version does not answer.
        unavailable: The same sections, each saying why it is empty.
        evaluation: From what ``evaluate`` wrote to its section.
    """

    ask: Callable[[Subject], Answered]
    unavailable: Callable[[str], Answered]
    evaluation: Callable[[Mapping[str, Any]], Section]
