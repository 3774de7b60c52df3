"""Is an answer the golden one? The one rule that every side is held to.

Numbers agree when each lies within its output's tolerance (absolute + relative x golden value, from
the contract); texts and shapes agree when they are equal.

An answer that lists the best of something (a signature's ``ranking``: detections, the likeliest
words) is compared as a set. Each golden entry has exactly one partner whose every output agrees.
The order binds only where scores differ by more than their tolerance, and an entry at a limit may
be absent on either side: one whose score reaches the threshold, or the last place of a full list,
only within the tolerance. Rounding decides such ties differently on every processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from signature_contract.difference import Difference
from signature_contract.signature import Ranking, Signature, TensorSpec

Array = np.ndarray[Any, Any]
Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Comparison:
    """How an answer compares with the golden one.

    Attributes:
        distances: The largest absolute difference by output, over what could be compared; infinity
            where a shape or a text differs, an output is missing, or a value is not a number.
        differences: What lies beyond the tolerance; empty when the answer is the golden one.
    """

    distances: Mapping[str, float]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether the answer is the golden one within the tolerance."""
        return not self.differences


def compare(
    want: Tensors,
    got: Tensors,
    signature: Signature,
    parameters: Mapping[str, Any],
    where: str,
) -> Comparison:
    """Compare an answer with the golden one.

    Args:
        want: The golden output by name; text as ``bytes`` or ``str``.
        got: The answer's output by name. More outputs than ``want`` has are not looked at.
        signature: Both answers' signature, with its tolerances.
        parameters: The contract's parameters, for a ranking's threshold.
        where: What was asked, for messages.

    Returns:
        Distances of every golden output, and every difference beyond the tolerance.
    """
    found = _Findings(where)
    ranking = signature.ranking
    comparable = {}
    for name, golden in want.items():
        if problem := _shape_problem(golden, got.get(name)):
            found.broken(name, *problem)
        else:
            comparable[name] = signature.outputs[name]
    listed: dict[str, TensorSpec] = {}
    scored = ranking and {ranking.scores, ranking.count or ranking.scores} <= comparable.keys()
    if ranking and scored and np.ndim(want[ranking.scores]) > 1:
        axes = np.shape(want[ranking.scores])[:2]
        listed = {
            name: spec
            for name, spec in comparable.items()
            if name != ranking.count and np.shape(want[name])[:2] == axes
        }
        threshold = parameters.get(ranking.threshold)
        _compare_lists(want, got, listed, ranking, threshold, found)
    for name, spec in comparable.items():
        if name not in listed and not (listed and ranking and name == ranking.count):
            _compare_values(want[name], got[name], spec, name, found)
    return Comparison({name: found.distances[name] for name in want}, tuple(found.differences))


@dataclass
class _Findings:
    where: str
    distances: dict[str, float] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def broken(self, name: str, expected: str, found: str) -> None:
        self.distances[name] = float("inf")
        self.differ(f' output "{name}"', expected, found)

    def differ(self, place: str, expected: str, found: str) -> None:
        self.differences.append(
            Difference("golden-answer", f"{self.where}{place}", expected, found)
        )

    def measured(self, name: str, distance: float) -> None:
        self.distances[name] = max(distance, self.distances.get(name, 0.0))


def _shape_problem(want: Array, got: Array | None) -> tuple[str, str] | None:
    """Say what keeps two tensors from being compared; None when nothing does."""
    if got is None:
        return "the golden answer", "no such output"
    if np.shape(got) != want.shape:
        return f"shape {list(want.shape)}", f"shape {list(np.shape(got))}"
    is_text, got_text = (np.asarray(side).dtype.kind in "OSU" for side in (want, got))
    if is_text != got_text:
        return ("text", "numbers") if is_text else ("numbers", "text")
    if not is_text and not _same_where_not_finite(want, np.asarray(got)):
        return "finite numbers", "others"
    return None


def _same_where_not_finite(want: Array, got: Array) -> bool:
    """Tell whether what is infinite or no number is the same in both: nothing else is near it."""
    if want.dtype.kind not in "fcV" and got.dtype.kind not in "fcV":
        return True
    golden, answer = _numbers(want), _numbers(got)
    odd = ~np.isfinite(golden) | ~np.isfinite(answer)
    return bool(np.array_equal(golden[odd], answer[odd], equal_nan=True))


def _numbers(values: Any) -> Array:
    """Return numbers with room for their differences; complex ones stay complex."""
    array = np.asarray(values)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _compare_values(want: Array, got: Array, spec: TensorSpec, name: str, found: _Findings) -> None:
    if want.dtype.kind in "OSU":
        if np.array_equal(_as_text(want), _as_text(got)):
            found.measured(name, 0.0)
        else:
            found.broken(name, str(_as_text(want).tolist()), str(_as_text(got).tolist()))
        return
    distance, excess = _distances(want, got, spec)
    found.measured(name, float(distance.max(initial=0.0)))
    if (excess > 0).any():
        worst = np.unravel_index(excess.argmax(), excess.shape)
        place = f" {[int(i) for i in worst]}" if worst else ""
        found.differ(
            f' output "{name}"{place}',
            f"the golden answer {_shown(want[worst])} within {spec.tolerance}",
            f"{_shown(np.asarray(got)[worst])}, a difference of {distance[worst]:g}",
        )


def _shown(value: Any) -> str:
    return f"{complex(value):g}" if np.iscomplexobj(value) else f"{float(value):g}"


def _distances(want: Array, got: Array, spec: TensorSpec) -> tuple[Array, Array]:
    """Return each element's distance, and by how much it exceeds the tolerance.

    Two texts are equal or infinitely far apart.
    """
    want, got = np.asarray(want), np.asarray(got)
    if want.dtype.kind in "OSU":
        distance = np.where(_as_text(want) == _as_text(got), 0.0, np.inf)
        return distance, distance
    golden = _numbers(want)
    with np.errstate(invalid="ignore"):  # what is not finite is the same in both
        distance = np.nan_to_num(np.abs(_numbers(got) - golden), nan=0.0)
    if want.dtype.kind in "iu":
        distance = np.maximum(distance, got != want)  # float64 cannot tell large ones apart
    return distance, distance - spec.tolerance.limit(np.nan_to_num(golden, posinf=0.0, neginf=0.0))


def _compare_lists(
    want: Tensors,
    got: Tensors,
    listed: Mapping[str, TensorSpec],
    ranking: Ranking,
    threshold: float | None,
    found: _Findings,
) -> None:
    counted = filter(None, (*listed, ranking.count))
    for name in counted:
        found.measured(name, 0.0)
    rows, capacity = want[ranking.scores].shape[:2]
    for row in range(rows):
        place = f", image {row}" if rows > 1 else ""
        golden_count, count = capacity, capacity
        if ranking.count:
            golden_count = int(want[ranking.count][row])
            answered = got[ranking.count][row]
            if not 0 <= answered <= capacity or answered != int(answered):
                found.distances[ranking.count] = float("inf")
                found.differ(
                    f'{place} output "{ranking.count}"',
                    f"a whole number from 0 to {capacity}",
                    f"{answered:g}",
                )
                continue
            count = int(answered)
            found.measured(ranking.count, abs(float(count) - float(golden_count)))
        golden = {name: want[name][row, :golden_count] for name in listed}
        answer = {name: np.asarray(got[name])[row, :count] for name in listed}
        for name in listed:
            if problem := _filling_problem(want[name][row], got[name][row], golden_count, count):
                found.broken(name, f"{problem} beyond {ranking.count} ({count:g})", "other values")
        _List(golden, answer, listed, ranking.scores, place, found).compare(threshold, capacity)


def _filling_problem(want: Array, got: Any, golden_count: int, count: int) -> str:
    """Say what should fill up a list and does not: what fills up the golden one, or zeros."""
    answer = np.asarray(got)[count:]
    filling = want[golden_count:][:1]
    if filling.size and answer.size and (answer == filling).all():
        return ""
    if want.dtype.kind in "OSU":
        return "the golden list's filling" if filling.size and answer.size else ""
    return "zeros" if np.any(answer) else ""


@dataclass(frozen=True)
class _List:
    """The entries of one golden list and of one answer to the same request."""

    golden: Tensors
    answer: Tensors
    specs: Mapping[str, TensorSpec]
    scores: str
    place: str
    found: _Findings

    def compare(self, threshold: float | None, capacity: int) -> None:
        """Pair the entries and report what has no partner, or stands in another order."""
        pairs = _most_pairs(self._agreeing())
        golden, answer = self.golden[self.scores], self.answer[self.scores]
        for name, spec in self.specs.items():
            for i, j in pairs.items():
                distance, _ = _distances(self.golden[name][i], self.answer[name][j], spec)
                self.found.measured(name, float(distance.max(initial=0.0)))
        for i in sorted(set(range(len(golden))) - pairs.keys()):
            if not self._at_a_limit(golden[i], answer, threshold, capacity):
                nearest = self._nearest(self.golden, i, self.answer)
                self._differ(f"the golden {_entry(self.golden, i)}", nearest)
        for j in sorted(set(range(len(answer))) - set(pairs.values())):
            if not self._at_a_limit(answer[j], golden, threshold, capacity):
                self._differ("only the golden entries", f"also {_entry(self.answer, j)}")
        self._compare_order()

    def _agreeing(self) -> Array:
        """Return bool [golden entries, answer's entries]: all outputs agree."""
        shape = len(self.golden[self.scores]), len(self.answer[self.scores])
        agree = np.ones(shape, bool)
        if not agree.size:
            return agree
        for name, spec in self.specs.items():
            _, excess = _distances(self.golden[name][:, None], self.answer[name][None], spec)
            agree &= ~(excess.reshape(*shape, -1) > 0).any(-1)
        return agree

    def _at_a_limit(
        self, score: float, others: Array, threshold: float | None, capacity: int
    ) -> bool:
        """Tell whether rounding can have kept an entry out of the other list."""
        tolerance = self.specs[self.scores].tolerance
        if threshold is not None and abs(score - threshold) <= tolerance.limit(threshold):
            return True
        if len(others) < capacity:
            return False
        last = float(others[-1])  # the list had no room for what is worse
        return bool(score <= last + tolerance.limit(last))

    def _compare_order(self) -> None:
        """Hold the answer to descending scores; its partners' then descend as far as they bind."""
        tolerance = self.specs[self.scores].tolerance
        lowest = float("inf")
        for score in map(float, self.answer[self.scores]):
            if score > lowest + tolerance.limit(lowest):
                self._differ("descending scores", f"{score:g} behind {lowest:g}")
                return
            lowest = min(score, lowest)

    def _nearest(self, ones: Tensors, i: int, others: Tensors) -> str:
        if not len(others[self.scores]):
            return "an empty list"
        apart = np.zeros(len(others[self.scores]))
        for name, spec in self.specs.items():
            distance, _ = _distances(ones[name][i : i + 1], others[name], spec)
            apart += distance.reshape(len(apart), -1).sum(-1)
        return f"at best {_entry(others, int(np.argmin(apart)))}"

    def _differ(self, expected: str, found: str) -> None:
        for name in self.specs:
            self.found.distances[name] = float("inf")
        tolerances = ", ".join(f"{name} {spec.tolerance}" for name, spec in self.specs.items())
        self.found.differ(self.place, f"{expected} (within {tolerances})", found)


def _entry(entries: Tensors, index: int) -> str:
    def text(value: Any) -> str:
        array = np.asarray(value)
        items = (
            _as_text(array).ravel() if array.dtype.kind in "OSU" else [f"{v:g}" for v in array.flat]
        )
        return items[0] if array.ndim == 0 else f"[{', '.join(items)}]"

    return ", ".join(f"{name} {text(values[index])}" for name, values in entries.items())


def _most_pairs(agree: Array) -> dict[int, int]:
    """Pair rows with columns that agree, as many as possible, those in front first.

    The augmenting paths of bipartite matching: a row that finds its columns taken asks their
    partners to move on.
    """
    row_of: dict[int, int] = {}
    columns = [list(map(int, np.flatnonzero(row))) for row in agree]
    for row in range(len(columns)):
        _place(row, columns, row_of)
    return {row: column for column, row in row_of.items()}


def _place(start: int, columns: Sequence[Sequence[int]], row_of: dict[int, int]) -> None:
    """Find a column for a row, moving others on; nothing changes where there is none."""
    tried: set[int] = set()
    # Rows that want a column, each with those it has not asked for: a path, kept by hand as it may
    # be longer than Python's stack is deep.
    path: list[tuple[int, Iterator[int]]] = [(start, iter(columns[start]))]
    taken: list[int] = []
    while path:
        _, rest = path[-1]
        column = next((one for one in rest if one not in tried), None)
        if column is None:
            path.pop()
            if taken:
                taken.pop()
            continue
        tried.add(column)
        taken.append(column)
        if column not in row_of:
            for (mover, _), place in zip(path, taken, strict=True):
                row_of[place] = mover
            return
        path.append((row_of[column], iter(columns[row_of[column]])))


def _as_text(value: Any) -> Array:
    array = np.asarray(value, dtype=object)
    flat = [
        item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)
        for item in array.flat
    ]
    texts = np.empty(len(flat), dtype=object)  # NumPy's own text drops zeros at its end
    texts[:] = flat
    return texts.reshape(array.shape)
