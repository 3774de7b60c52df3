"""``python -m export report``: a published version in, one HTML file and its PNGs out."""

from __future__ import annotations

import argparse
import importlib
import logging
from pathlib import Path
from typing import Any

from export.errors import ExportError, SettingsError
from export.kinds import KINDS
from signature_contract import contract as contracts

log = logging.getLogger(__name__)

_NEEDED = ("jinja2", "matplotlib", "PIL", "sklearn")


class ReportError(ExportError):
    """There is nothing to report on, or nowhere to put it."""


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.report.arguments`.

    Returns:
        The result that the command line prints: the page's path, its pictures, and what it says.

    Raises:
        ExportError: The version is none, or the page cannot be written.
    """
    _check_packages()
    version = arguments.model.resolve()
    if not version.is_dir():
        raise ReportError(f"no version at {version}: expected a folder as MODELS/classifier/1")
    contract = contracts.load(version)
    if contract.model not in KINDS:
        raise ReportError(f"{version} is a {contract.model}; reports are for {', '.join(KINDS)}")
    if arguments.data is not None and not arguments.data.is_dir():
        raise ReportError(f"no data set at {arguments.data}: --data must name a folder")
    # Only now: they load what was just looked for.
    from export.report import evaluation_section, frame, page, record
    from export.report.kind import Subject

    kind = KINDS[contract.model]
    evaluated = (
        evaluation_section.read(arguments.evaluation, contract.model, kind.evaluation_keys)
        if arguments.evaluation
        else None
    )
    subject = Subject(version, contract, record.read(version), arguments.data, arguments.seed)
    made = frame.make(subject, kind.report(), evaluated)
    try:
        target = page.write(made, arguments.out)
    except OSError as err:
        raise ReportError(f"cannot write the report to {arguments.out}: {err.strerror}") from err
    log.info("wrote %s", target)
    return {
        "model": contract.model,
        "version": version.name,
        "page": str(target),
        "pictures": [str(Path(arguments.out) / picture.name) for picture in made.pictures],
        "findings": [{"level": f.level, "text": f.text} for f in made.findings],
        "missing": [
            {"section": section.anchor, "text": text}
            for section in made.sections
            for text in section.missing
        ],
    }


def _check_packages() -> None:
    for package in _NEEDED:
        try:
            importlib.import_module(package)
        except ImportError as err:
            raise SettingsError(
                f"the report needs {package}, which is not installed; "
                'install it with: pip install "vision-forge[report]"'
            ) from err
