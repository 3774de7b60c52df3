"""Every rule that a contract can be broken by, with an identifier that stays.

A difference carries the identifier of its rule, in Python and in Java, so that a failure can be
looked up (docs/contract.md lists them all) and left out (``--ignore``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a change means to one side."""

    BREAKING = "breaking"
    """Calls fail, or their answers cannot be read."""
    RISKY = "risky"
    """Calls go on, and what they get may mean something else."""
    COMPATIBLE = "compatible"
    """Nobody has to do anything."""


_B, _R, _C = Severity.BREAKING, Severity.RISKY, Severity.COMPATIBLE


@dataclass(frozen=True)
class ChangeRule:
    """One kind of change between two contracts.

    Attributes:
        id: Its identifier.
        callers: What it means to callers who know the old contract, once the new model serves.
        servers: What it means to callers who know the new contract, while the old model serves.
        meaning: What changed.
        reason: Why it has these severities.
    """

    id: str
    callers: Severity
    servers: Severity
    meaning: str
    reason: str


CHANGE_RULES: Mapping[str, ChangeRule] = {
    rule.id: rule
    for rule in (
        ChangeRule(
            "model-renamed", _B, _B, "the model has another name",
            "Every call names the model.",
        ),
        ChangeRule(
            "tags-changed", _B, _B, "the graph has other tags",
            "A server or a Java process that loads by the old tags does not find the graph.",
        ),
        ChangeRule(
            "signature-removed", _B, _C, "a signature is gone",
            "Old callers ask for it; new callers do not.",
        ),
        ChangeRule(
            "signature-added", _C, _B, "there is one more signature",
            "New callers may ask for it, and the old model does not have it.",
        ),
        ChangeRule(
            "input-removed", _B, _B, "an input is gone",
            "The new model refuses a request with it, the old model one without it.",
        ),
        ChangeRule(
            "optional-input-removed", _B, _C, "an input with a default value is gone",
            "The new model refuses a request with it; the old model fills it in.",
        ),
        ChangeRule(
            "input-added", _B, _B, "there is one more input",
            "The new model refuses a request without it, the old model one with it.",
        ),
        ChangeRule(
            "optional-input-added", _R, _B, "there is one more input, with a default value",
            "Over gRPC old callers leave it out; REST demands that every input is named. The old "
            "model refuses a request with it.",
        ),
        ChangeRule(
            "input-renamed", _B, _B, "an input has another name",
            "Inputs go by their names.",
        ),
        ChangeRule(
            "input-dtype", _B, _B, "an input has another dtype",
            "A model refuses an input of another dtype.",
        ),
        ChangeRule(
            "input-rank", _B, _B, "an input has another number of axes",
            "A model refuses an input of another rank, or ends on it.",
        ),
        ChangeRule(
            "input-rank-fixed", _B, _C, "an input whose number of axes was open has a fixed one",
            "Old callers may send another rank; new callers send one that was always accepted.",
        ),
        ChangeRule(
            "input-rank-freed", _C, _B, "an input's number of axes is open now",
            "Old callers send a rank that is accepted; the old model accepts no other.",
        ),
        ChangeRule(
            "input-size", _B, _B, "an axis of an input has another size",
            "A model refuses an input of another size.",
        ),
        ChangeRule(
            "input-size-fixed", _B, _C, "an axis of an input that was open has a fixed size",
            "Old callers may send another size; new callers send one that was always accepted.",
        ),
        ChangeRule(
            "input-size-freed", _C, _B, "an axis of an input may have any size now",
            "Old callers send a size that is accepted; the old model accepts no other.",
        ),
        ChangeRule(
            "input-range-narrowed", _B, _C, "an input's range no longer holds all it did",
            "Old callers may send what is outside now.",
        ),
        ChangeRule(
            "input-range-widened", _C, _R, "an input's range holds more",
            "New callers may send what the old model was never tried with.",
        ),
        ChangeRule(
            "input-range-moved", _B, _R, "an input has another range",
            "Values mean something else: pixels from 0 to 255 became pixels from 0 to 1.",
        ),
        ChangeRule(
            "input-default-added", _C, _B, "an input has a default value now",
            "New callers may leave it out, and the old model refuses that.",
        ),
        ChangeRule(
            "input-default-removed", _B, _C, "an input no longer has a default value",
            "Old callers may leave it out.",
        ),
        ChangeRule(
            "input-default-changed", _R, _R, "an input has another default value",
            "The same request without it gets another answer.",
        ),
        ChangeRule(
            "output-removed", _B, _C, "an output is gone",
            "Old callers read it.",
        ),
        ChangeRule(
            "output-added", _R, _B, "there is one more output",
            "REST answers with a single output do not name it, and with two they do; rows need the "
            "same number in each. New callers read what the old model does not answer.",
        ),
        ChangeRule(
            "output-renamed", _B, _B, "an output has another name",
            "Outputs go by their names.",
        ),
        ChangeRule(
            "output-dtype", _B, _B, "an output has another dtype",
            "Callers read the values as another type.",
        ),
        ChangeRule(
            "output-rank", _B, _B, "an output has another number of axes",
            "Callers find the values elsewhere.",
        ),
        ChangeRule(
            "output-rank-fixed", _C, _B, "an output's number of axes was open and is fixed now",
            "New callers may count on it; the old model may answer otherwise.",
        ),
        ChangeRule(
            "output-rank-freed", _B, _C, "an output's number of axes was fixed and is open now",
            "Old callers count on it.",
        ),
        ChangeRule(
            "output-size", _B, _B, "an axis of an output has another size",
            "Callers read another number of values, for instance of classes.",
        ),
        ChangeRule(
            "output-size-fixed", _C, _B, "an axis of an output was open and has a fixed size now",
            "New callers may count on it; the old model may answer otherwise.",
        ),
        ChangeRule(
            "output-size-freed", _B, _C, "an axis of an output had a fixed size and is open now",
            "Old callers count on it.",
        ),
        ChangeRule(
            "output-range-widened", _B, _C, "an output's range holds more",
            "Old callers get values that they were promised not to get.",
        ),
        ChangeRule(
            "output-range-narrowed", _C, _R, "an output's range no longer holds all it did",
            "New callers may get values that they were promised not to get.",
        ),
        ChangeRule(
            "output-range-moved", _B, _B, "an output has another range",
            "Values mean something else: a probability became a percentage.",
        ),
        ChangeRule(
            "class-order", _B, _B, "the classes stand in another order",
            "Column 0 means another class: every answer is read wrong, and nothing fails.",
        ),
        ChangeRule(
            "classes-added", _R, _B, "there are more classes, behind those there were",
            "Old callers know the names of the first columns only.",
        ),
        ChangeRule(
            "classes-changed", _B, _B, "classes have other names, or some are gone",
            "Columns mean other classes.",
        ),
        ChangeRule(
            "ranking-changed", _R, _R, "answers are another kind of list",
            "Callers may count on the order of the entries, or on how many there are.",
        ),
        ChangeRule(
            "parameter-changed", _R, _R, "a parameter has another value, for instance a threshold",
            "The same request may get another answer.",
        ),
        ChangeRule(
            "tolerance-loosened", _R, _C, "answers may lie farther from the golden ones",
            "What was a broken answer passes now.",
        ),
        ChangeRule(
            "tolerance-tightened", _C, _R, "answers must lie nearer to the golden ones",
            "The old model may not keep it.",
        ),
        ChangeRule(
            "meaning-changed", _R, _R, "something is described in other words",
            "Read them: the words may mean another thing.",
        ),
    )
}  # fmt: skip


UNDECLARED = frozenset(
    (
        *("model-renamed", "meaning-changed", "parameter-changed", "ranking-changed"),
        *("tolerance-loosened", "tolerance-tightened"),
        *("class-order", "classes-added", "classes-changed"),
        *("input-range-narrowed", "input-range-widened", "input-range-moved"),
        *("output-range-narrowed", "output-range-widened", "output-range-moved"),
    )
)
"""Rules about what a contract says and a model does not say of itself."""


@dataclass(frozen=True)
class CheckRule:
    """One thing that a model is held to.

    Attributes:
        id: Its identifier.
        meaning: What breaks it.
        fix: What to do about it.
    """

    id: str
    meaning: str
    fix: str


STATIC_RULES: Mapping[str, CheckRule] = {
    rule.id: rule
    for rule in (
        CheckRule(
            "signature-missing", "a signature of the contract is not there",
            "Export it under the key that the contract names.",
        ),
        CheckRule(
            "signature-unknown", "there is a signature that the contract does not name",
            "Write it into the contract, or do not export it.",
        ),
        CheckRule(
            "input-missing", "an input of the contract is not there",
            "Name the tensor as the contract does when you export.",
        ),
        CheckRule(
            "input-unknown", "there is an input that the contract does not name",
            "Callers would have to send it: bake it into the graph, or agree on a new contract.",
        ),
        CheckRule(
            "input-dtype", "an input has another dtype",
            "Cast inside the graph, so that callers go on as they are.",
        ),
        CheckRule(
            "input-shape", "an input has another rank, or another size on an axis",
            "Export with the shape that the contract names; -1 stays open.",
        ),
        CheckRule(
            "input-default", "an input has another default value, none, or one too many",
            "Export with the default that the contract names.",
        ),
        CheckRule(
            "output-missing", "an output of the contract is not there",
            "Return it from the signature's function.",
        ),
        CheckRule(
            "output-unknown", "there is an output that the contract does not name",
            "Write it into the contract, or leave it out of what the function returns.",
        ),
        CheckRule(
            "output-dtype", "an output has another dtype",
            "Cast inside the graph.",
        ),
        CheckRule(
            "output-shape", "an output has another rank, or another size on an axis",
            "Callers find the values elsewhere: reshape inside the graph.",
        ),
    )
}  # fmt: skip

RUNNING_RULES: Mapping[str, CheckRule] = {
    rule.id: rule
    for rule in (
        CheckRule(
            "contract-copy", "the copy that a version carries is not the contract it is held to",
            "Publish the version anew; never edit the copy.",
        ),
        CheckRule(
            "unreadable", "the model cannot be read, or no graph has the tags that were asked for",
            "Export it anew; name the tags with --tags.",
        ),
        CheckRule(
            "saved-model-cli", "saved_model_cli ends with an error",
            "Run the command that is named and read all that it prints.",
        ),
        CheckRule(
            "load", "the loader that servers use cannot load the model",
            "Export with keras.export or tf.saved_model.save, and every variable tracked.",
        ),
        CheckRule(
            "request-refused", "a request that the contract allows is answered with an error",
            "The graph shows what it cannot do: often variables that the loader does not know.",
        ),
        CheckRule(
            "process-ended", "the process that ran the model ended, or did not come to an end",
            "A kernel aborts on such a tensor: check shapes inside the graph, before it.",
        ),
        CheckRule(
            "golden-answer", "an answer is farther from the golden one than its tolerance",
            "Look for another decoding, scaling or order of channels; or record anew, knowingly.",
        ),
        CheckRule(
            "no-golden-answers", "there is nothing to compare answers with",
            "Record some with `vision-contract record`.",
        ),
        CheckRule(
            "not-deterministic", "the same request got two answers",
            "Take dropout and random operations out of the exported function.",
        ),
        CheckRule(
            "output-range", "a value of an answer is outside the range that the contract states",
            "An activation is missing, or applied twice.",
        ),
        CheckRule(
            "input-range", "a value of a request is outside the range that the contract states",
            "Scale the values as the contract says, once.",
        ),
        CheckRule(
            "answer-form", "a tensor of an answer has not the dtype or shape that was declared",
            "What a signature declares and what its function returns have come apart.",
        ),
        CheckRule(
            "class-order", "the classes of an answer are not the contract's, in its order",
            "Sort the classes once, and write the order down with the model.",
        ),
        CheckRule(
            "warm-up-request", "a warm-up request has more rows than batching lets through",
            "A server with that file would not load the version: publish it anew.",
        ),
        CheckRule(
            "hostile-request", "a request that breaks the signature is not refused as one",
            "Check shapes inside the graph, so that callers get INVALID_ARGUMENT.",
        ),
    )
}  # fmt: skip

CHECK_RULES: Mapping[str, CheckRule] = {**STATIC_RULES, **RUNNING_RULES}

IGNORABLE = frozenset(CHECK_RULES) - {"unreadable", "load", "process-ended", "saved-model-cli"}
"""Rules that a person may leave out: without the others nothing is known of a model."""
