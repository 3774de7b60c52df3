"""What changed between two contracts, and whom it breaks.

``callers`` know the old contract and call the new model; ``servers`` still host the old model and
are called by those who know the new contract. Which change means what to whom is data:
:mod:`signature_contract.rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from signature_contract.contract import Contract
from signature_contract.rules import CHANGE_RULES, ChangeRule, Severity
from signature_contract.signature import Signature, Size, TensorSpec

Against = Literal["callers", "servers", "both"]
Role = Literal["input", "output"]


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        rule: What kind of change it is.
        where: The place, for instance ``serving_default output "scores"``.
        before: What the old contract says there.
        after: What the new one says.
    """

    rule: ChangeRule
    where: str
    before: str
    after: str

    def severity(self, against: Against) -> Severity:
        """Return what the change means to one side, or the worse for both."""
        sides = {
            "callers": (self.rule.callers,),
            "servers": (self.rule.servers,),
            "both": (self.rule.callers, self.rule.servers),
        }[against]
        return min(sides, key=list(Severity).index)

    def __str__(self) -> str:
        return f"{self.where}: {self.before} became {self.after} [{self.rule.id}]"


def diff(old: Contract, new: Contract) -> list[Change]:
    """Compare two contracts.

    Returns:
        The changes in the order of the old contract, what is new at each place last.
    """
    return [
        Change(CHANGE_RULES[rule], where, before, after)
        for rule, where, before, after in _contracts(old, new)
    ]


# Rule, place, before, after.
_Found = Iterator[tuple[str, str, str, str]]


def _contracts(old: Contract, new: Contract) -> _Found:
    if old.model != new.model:
        yield "model-renamed", "model", _quoted(old.model), _quoted(new.model)
    if set(old.tags) != set(new.tags):
        yield "tags-changed", "tags", ", ".join(old.tags), ", ".join(new.tags)
    for key in old.signatures:
        where = f'signature "{key}"'
        if key not in new.signatures:
            yield "signature-removed", where, "a signature", "nothing"
            continue
        # Sizes stand in the place of names that have one, so that names may change.
        yield from _signatures(key, old.resolved(key), new.resolved(key))
    for key in new.signatures.keys() - old.signatures.keys():
        yield "signature-added", f'signature "{key}"', "nothing", "a signature"
    yield from _classes(old.class_names, new.class_names)
    yield from _mappings("parameter-changed", "parameter", old.parameters, new.parameters)
    yield from _words("the contract", old.summary, new.summary)
    for name in old.dimensions.keys() & new.dimensions.keys():
        yield from _words(f'dimension "{name}"', old.dimensions[name], new.dimensions[name])


def _signatures(key: str, old: Signature, new: Signature) -> _Found:
    yield from _tensors(key, "input", old.inputs, new.inputs)
    yield from _tensors(key, "output", old.outputs, new.outputs)
    if old.ranking != new.ranking:
        yield (
            "ranking-changed", f"{key} ranking", str(old.ranking or "none"),
            str(new.ranking or "none"),
        )  # fmt: skip
    yield from _words(f'signature "{key}"', old.summary, new.summary)


def _tensors(
    key: str, role: Role, old: Mapping[str, TensorSpec], new: Mapping[str, TensorSpec]
) -> _Found:
    removed = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    renamed = dict(_renamed(old, new, removed, added))
    for name in old:
        where = f'{key} {role} "{name}"'
        if name in new:
            yield from _specs(where, role, old[name], new[name])
        elif name in renamed:
            yield f"{role}-renamed", where, _quoted(name), _quoted(renamed[name])
        else:
            optional = "optional-" if role == "input" and old[name].has_default else ""
            yield f"{optional}{role}-removed", where, str(old[name]), "nothing"
    for name in added:
        if name not in renamed.values():
            optional = "optional-" if role == "input" and new[name].has_default else ""
            yield (
                f"{optional}{role}-added", f'{key} {role} "{name}"', "nothing", str(new[name])
            )  # fmt: skip


def _renamed(
    old: Mapping[str, TensorSpec],
    new: Mapping[str, TensorSpec],
    removed: Sequence[str],
    added: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Pair what went with what came where dtype and shape leave one possibility only."""
    for name in removed:
        same = [other for other in added if _alike(old[name], new[other])]
        if len(same) == 1 and sum(_alike(old[one], new[same[0]]) for one in removed) == 1:
            yield name, same[0]


def _alike(one: TensorSpec, other: TensorSpec) -> bool:
    return (one.dtype, one.shape) == (other.dtype, other.shape)


def _specs(where: str, role: Role, old: TensorSpec, new: TensorSpec) -> _Found:
    if old.dtype != new.dtype:
        yield f"{role}-dtype", where, old.dtype, new.dtype
    yield from _shapes(where, role, old, new)
    yield from _ranges(where, role, old, new)
    if role == "input":
        yield from _defaults(where, old, new)
    elif old.dtype == new.dtype and old.tolerance != new.tolerance:
        before, after = old.tolerance, new.tolerance
        loosened = after.absolute > before.absolute or after.relative > before.relative
        rule = "tolerance-loosened" if loosened else "tolerance-tightened"
        yield rule, where, f"within {before}", f"within {after}"
    yield from _words(where, old.meaning, new.meaning)


def _shapes(where: str, role: Role, old: TensorSpec, new: TensorSpec) -> _Found:
    if old.shape is None or new.shape is None:
        if old.shape is not new.shape:
            kind = "fixed" if old.shape is None else "freed"
            yield f"{role}-rank-{kind}", where, str(old), str(new)
    elif len(old.shape) != len(new.shape):
        yield f"{role}-rank", where, str(old), str(new)
    else:
        kinds = {
            _size_change(before, after)
            for before, after in zip(old.shape, new.shape, strict=True)
            if before != after
        }
        for kind in sorted(kinds):
            yield f"{role}-size{kind}", where, str(old), str(new)


def _size_change(before: Size, after: Size) -> str:
    if before == -1:
        return "-fixed"
    return "-freed" if after == -1 else ""


def _ranges(where: str, role: Role, old: TensorSpec, new: TensorSpec) -> _Found:
    before, after = old.value_range, new.value_range
    if before == after:
        return
    if before and after:
        wider = after[0] <= before[0] and after[1] >= before[1]
        narrower = after[0] >= before[0] and after[1] <= before[1]
        kind = "widened" if wider else "narrowed" if narrower else "moved"
    else:
        kind = "widened" if before else "narrowed"
    yield f"{role}-range-{kind}", where, _range(before), _range(after)


def _range(values: tuple[float, float] | None) -> str:
    return f"values from {values[0]:g} to {values[1]:g}" if values else "any values"


def _defaults(where: str, old: TensorSpec, new: TensorSpec) -> _Found:
    if old.default == new.default:
        return
    kind = "changed"
    if not (old.has_default and new.has_default):
        kind = "removed" if old.has_default else "added"
    yield f"input-default-{kind}", where, old.default_text, new.default_text


def _classes(old: Sequence[str], new: Sequence[str]) -> _Found:
    if old == new:
        return
    if sorted(old) == sorted(new):
        rule = "class-order"
    elif list(new[: len(old)]) == list(old):
        rule = "classes-added"
    else:
        rule = "classes-changed"
    yield rule, "class names", str(list(old)), str(list(new))


def _mappings(rule: str, role: str, old: Mapping[str, object], new: Mapping[str, object]) -> _Found:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield (
                rule, f'{role} "{name}"', str(old.get(name, "nothing")),
                str(new.get(name, "nothing")),
            )  # fmt: skip


def _words(where: str, old: str, new: str) -> _Found:
    if old != new:
        yield "meaning-changed", where, _quoted(old), _quoted(new)


def _quoted(text: str) -> str:
    return f'"{text}"'


def select(
    changes: Iterable[Change], against: Against, ignored: Iterable[str] = ()
) -> dict[Severity, list[Change]]:
    """Sort changes by what they mean to one side.

    Args:
        changes: From :func:`diff`.
        against: The side.
        ignored: Identifiers of rules to leave out.

    Returns:
        Changes by severity, the worst first.
    """
    left_out = set(ignored)
    sorted_changes: dict[Severity, list[Change]] = {severity: [] for severity in Severity}
    for change in changes:
        if change.rule.id not in left_out:
            sorted_changes[change.severity(against)].append(change)
    return sorted_changes
