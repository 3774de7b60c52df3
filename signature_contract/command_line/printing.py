"""What a check and a comparison came to, for people, scripts, CI servers and GitHub."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from signature_contract.checking.outcome import Item, Outcome
from signature_contract.diffing import Against, Change
from signature_contract.rules import CHECK_RULES, Severity

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def outcome_text(outcome: Outcome) -> str:
    """Return a check's outcome for people."""
    return "\n".join(_outcome_lines(outcome)) + "\n"


def _outcome_lines(outcome: Outcome) -> Iterator[str]:
    skipped = [item for item in outcome.items if item.skipped]
    verdict = "keeps" if outcome.ok else "breaks"
    yield f'{outcome.target} {verdict} the contract of "{outcome.model}"'
    for title, differences in (
        ("", outcome.differences),
        ("warnings", outcome.warnings),
    ):
        if title and differences:
            yield f"  {title}:"
        for difference in differences:
            yield f"  - {difference}"
            fix = CHECK_RULES[difference.rule].fix if difference.rule in CHECK_RULES else ""
            if fix and not title:
                yield f"    {fix}"
    checked = len(outcome.items) - len(skipped)
    answers = f"{outcome.golden} golden answers" if outcome.golden else "no golden answers"
    yield f"  {checked} things checked, {answers}" + _farthest(outcome)
    for reason in dict.fromkeys(item.skipped for item in skipped):
        count = sum(item.skipped == reason for item in skipped)
        yield f"  {count} not checked: {reason}"


def _farthest(outcome: Outcome) -> str:
    if not outcome.golden or not outcome.distances:
        return ""
    name, distance = max(outcome.distances.items(), key=lambda entry: entry[1])
    return f", the farthest {distance:.3g} away ({name})"


def outcome_json(outcome: Outcome) -> str:
    """Return a check's outcome for scripts."""
    return _json(outcome.to_json())


def outcome_junit(outcome: Outcome) -> str:
    """Return a check's outcome as CI servers show tests."""
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(f"contract of {outcome.model}"),
        tests=str(len(outcome.items)),
        failures=str(sum(not item.ok for item in outcome.items)),
        errors="0",
        skipped=str(sum(bool(item.skipped) for item in outcome.items)),
    )
    for item in outcome.items:
        suite.append(_junit_case(item, outcome.model))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(
        suite, encoding="unicode"
    ) + "\n"  # fmt: skip


def _junit_case(item: Item, model: str) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=f"contract.{_xml(model)}", name=_xml(item.name)
    )
    lines = "\n".join(map(str, item.differences))
    if item.skipped:
        ElementTree.SubElement(case, "skipped", message=_xml(item.skipped))
    elif not item.ok:
        first = _xml(str(item.differences[0]))
        failure = ElementTree.SubElement(
            case, "failure", type=item.differences[0].rule, message=first
        )
        failure.text = _xml(lines)
    elif lines:
        ElementTree.SubElement(case, "system-out").text = _xml(lines)
    return case


def _xml(text: str) -> str:
    """Replace what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def outcome_github(outcome: Outcome, file: str) -> str:
    """Return a check's outcome as annotations of a pull request."""
    lines = [
        _annotation("error", file, f"contract of {outcome.model}: {one.rule}", str(one))
        for one in outcome.differences
    ]
    lines += [
        _annotation("warning", file, f"contract of {outcome.model}: {one.rule}", str(one))
        for one in outcome.warnings
    ]
    if outcome.ok:
        lines.append(_annotation("notice", file, "contract", _first_line(outcome)))
    return "\n".join(lines) + "\n"


def _first_line(outcome: Outcome) -> str:
    return next(_outcome_lines(outcome))


OUTCOME_FORMATS: Mapping[str, Callable[[Outcome], str]] = {
    "text": outcome_text,
    "json": outcome_json,
    "junit": outcome_junit,
}
"""Formats that need nothing but the outcome."""


def changes_text(changes: Mapping[Severity, Sequence[Change]], against: Against) -> str:
    """Return what changed, for people, the worst first."""
    lines = []
    for severity, found in changes.items():
        if found:
            lines.append(f"{severity} for {_side(against)}:")
            for change in found:
                lines.append(f"  - {change}")
                lines.append(f"    {change.rule.reason}")
    return "\n".join(lines or ["nothing changed"]) + "\n"


def _side(against: Against) -> str:
    return "callers or servers" if against == "both" else against


def changes_json(changes: Mapping[Severity, Sequence[Change]], against: Against) -> str:
    """Return what changed, for scripts."""
    return _json(
        {
            "against": against,
            "ok": not changes[Severity.BREAKING],
            "changes": [
                {
                    "rule": change.rule.id,
                    "where": change.where,
                    "before": change.before,
                    "after": change.after,
                    "severity": severity,
                    "callers": change.rule.callers,
                    "servers": change.rule.servers,
                    "reason": change.rule.reason,
                }
                for severity, found in changes.items()
                for change in found
            ],
        }
    )


def changes_github(changes: Mapping[Severity, Sequence[Change]], file: str) -> str:
    """Return what changed, as annotations of a pull request."""
    kinds = {Severity.BREAKING: "error", Severity.RISKY: "warning", Severity.COMPATIBLE: "notice"}
    return "".join(
        _annotation(kinds[severity], file, f"{severity}: {change.rule.id}", str(change)) + "\n"
        for severity, found in changes.items()
        for change in found
    )


def _annotation(kind: str, file: str, title: str, message: str) -> str:
    """Return a workflow command of GitHub Actions."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    properties = ",".join(
        f"{name}={_property(value)}" for name, value in (("file", file), ("title", title)) if value
    )
    return f"::{kind} {properties}::{escaped}"


def _property(text: str) -> str:
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(character, code)
    return text


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
