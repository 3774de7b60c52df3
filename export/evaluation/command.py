"""``python -m export evaluate classifier``: how good is what the exported graph answers?"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export.errors import ExportError, SettingsError
from export.evaluation import answers, minimums, modes
from export.evaluation.answers import AnswersError, ClassifierSource
from export.evaluation.modes import Measured
from export.file_names import escaped
from serving_config.tensor_names import IMAGE_BYTES
from signature_contract import contract as contracts
from signature_contract import golden

log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.evaluation.arguments`.

    Returns:
        The result that the command line prints; ``ok`` is false when a minimum is missed.

    Raises:
        ExportError: Something could not be measured; the message says why.
    """
    if not (arguments.model or arguments.server):
        raise SettingsError("say what to measure: --model PATH, --server HOST:PORT or both")
    if arguments.min_accuracy is not None and not 0 <= arguments.min_accuracy <= 1:
        raise SettingsError(f"--min-accuracy is between 0 and 1, got {arguments.min_accuracy}")
    if arguments.max_refused is not None and not 0 <= arguments.max_refused <= 1:
        raise SettingsError(f"--max-refused is between 0 and 1, got {arguments.max_refused}")
    least_f1 = minimums.parse_f1(arguments.min_f1)
    with _source(arguments) as source:
        measured = modes.measure(source, arguments)
    result = measured.document
    checked = minimums.check(
        measured.assessment.figures, arguments.min_accuracy, least_f1, arguments.compare
    )
    found = {finding: _finding(result, finding) for finding in dict.fromkeys(arguments.fail_on)}
    result["minimums"] = [minimum.to_json() for minimum in checked]
    result["failed"] = [str(minimum) for minimum in checked if not minimum.met] + [
        f"--fail-on {finding}: {reason}" for finding, reason in found.items() if reason
    ]
    result["failed"] += _too_many_refused(result["data"], arguments.max_refused)
    result["ok"] = not result["failed"]
    _tell(measured)
    if arguments.json:
        _write(arguments.json, json.dumps(result, indent=2) + "\n")
    if arguments.answers:
        _write(arguments.answers, "".join(f"{line}\n" for line in _lines(measured)))
    return result


def _too_many_refused(data: dict[str, Any], most: float | None) -> list[str]:
    refused, share = len(data["refused"]), data["refused_share"]
    if most is None or share <= most:
        return []
    return [f"--max-refused {most:g}: {refused} photographs were refused, {share:.1%}"]


@contextlib.contextmanager
def _source(arguments: argparse.Namespace) -> Iterator[ClassifierSource]:
    if not arguments.server:
        yield answers.from_version(arguments.model)
        return
    path, version = arguments.model, arguments.model_version
    contract = None
    if path:
        path = path.resolve()
        contract = contracts.load(path)
        if version is None and path.name.isdecimal():
            version = int(path.name)
    with answers.from_server(arguments.server, arguments.model_name, version, contract) as source:
        if path:
            _check_same(source, path)
        yield source


def _check_same(source: ClassifierSource, version: Path) -> None:
    """Refuse a server that does not answer as the version whose record is used."""
    contract = contracts.load(version)
    for case in golden.load(version, contract):
        if case.signature != answers.SIGNATURE:
            continue
        outputs, _ = source.ask(list(case.inputs[IMAGE_BYTES]))
        if differences := case.compare(outputs, contract).differences:
            raise AnswersError(
                f"{source.name} is not {version}; asked a golden request: {differences[0]}. Name "
                "the version that the server holds, or leave out --model"
            )


def _finding(result: dict[str, Any], finding: str) -> str:
    """Return why a finding fails the evaluation; empty if it does not."""
    if finding == "suspect":
        found = result.get("suspect")
        return found["message"] if found and found["found"] else _absent(found, result["mode"])
    if finding == "drop":
        found = result.get("temporal")
        if found and found["beyond_chance"]:
            drop = found["drop"]["value"]
            return (
                f"accuracy fell by {drop:.4f} from {found['earliest']} to {found['latest']} "
                f"(p = {found['p']:g})"
            )
        return _absent(found, result["mode"])
    found = result.get({"leak": "leaks", "drift": "drift"}[finding])
    if not found or not found["found"]:
        return _absent(found, result["mode"])
    if finding == "leak":
        return f"{found['photographs']} photographs are in the training data too, or nearly"
    return f"drift in {', '.join(found['changed']) or 'all features jointly'}"


def _absent(found: dict[str, Any] | None, mode: str) -> str:
    if found is None:
        return f"--mode {mode} does not check it"
    return "" if found.get("measured", True) else f"not measured: {found['reason']}"


def _tell(measured: Measured) -> None:
    """Say on standard error what a person wants to know first."""
    result, figures = measured.document, measured.assessment.figures
    log.info(
        "%s: %d photographs, accuracy %s", result["mode"], figures.photographs, figures.accuracy
    )
    for name, of_class in figures.classes.items():
        few = f" (F1 withheld: {of_class.support} photographs)" if of_class.withheld else ""
        log.info(
            "  %s: precision %s, recall %s, F1 %s%s",
            name,
            of_class.precision,
            of_class.recall,
            of_class.f1.interval if few else of_class.f1,
            few,
        )
    if result["threshold"]:
        log.info("threshold %.4g (%s)", result["threshold"]["value"], result["threshold"]["rule"])
    if refused := result["data"]["refused"]:
        log.warning("%d photographs were refused", len(refused))
    for note in result["notes"]:
        log.info("note: %s", note)
    for finding in ("leak", "drift", "suspect", "drop"):
        key = {"leak": "leaks", "drop": "temporal"}.get(finding, finding)
        if key in result and (reason := _finding(result, finding)):
            log.warning("%s: %s", finding, reason)
    for failure in result["failed"]:
        log.error("%s", failure)


def _lines(measured: Measured) -> Iterator[str]:
    found, assessed = measured.answers, measured.assessment
    names = found.class_names
    for row, path in enumerate(found.paths):
        yield json.dumps(
            {
                "path": escaped(path),
                "class": names[assessed.labels[row]],
                "answered": names[assessed.predicted[row]],
                "probabilities": {
                    name: float(value)
                    for name, value in zip(names, found.probabilities[row], strict=True)
                },
            },
            ensure_ascii=False,
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise ExportError(f"cannot write {path}: {err.strerror}") from err
