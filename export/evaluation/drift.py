"""Are the photographs, or the answers to them, distributed as those the model was validated with?

The exported graph shows its answers and nothing inside, so the features of a photograph are the
logits (centred, since a softmax ignores what they have in common), the certainty of the answer, and
what the image looks like without a model (:mod:`export.evaluation.image_statistics`).

The reference is the validation split: of the same distribution as the photographs trained on, but
not trained on. Against the training photographs themselves every overfitted model would raise the
alarm on perfectly good data, because its logits are larger where it has learned by heart.

Two kinds of test, half of the level each:

* each feature, by the two-sample Kolmogorov-Smirnov test, corrected for their number (Holm 1979):
  says what changed;
* all features jointly, by the maximum mean discrepancy with a Gaussian kernel and permuted labels
  (Gretton et al. 2012, "A Kernel Two-Sample Test", JMLR 13): finds what no single feature shows.

Both sets are first cut down, at random, to the same number of photographs of each class: otherwise
a holdout with more cats would be reported as drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp

from export.evaluation.image_statistics import STATISTICS

Array = np.ndarray[Any, Any]

LEVEL = 0.01
"""Share of evaluations without drift that may report some."""

FEWEST = 20
"""Photographs a side below which no test is made."""

_MOST = 500  # a side; more would find differences too small to matter, and take long
_PERMUTATIONS = 1000
_CHUNK = 250  # permutations at once


@dataclass(frozen=True)
class FeatureTest:
    """One feature's test.

    Attributes:
        name: The feature.
        statistic: Kolmogorov-Smirnov: largest distance between the distribution functions, 0 to 1.
        p_value: Of that test alone.
        adjusted_p: After Holm's correction for all features, and for the joint test.
        shift: Mean of the holdout minus that of the reference, in the reference's standard
            deviations.
    """

    name: str
    statistic: float
    p_value: float
    adjusted_p: float
    shift: float


@dataclass(frozen=True)
class Drift:
    """What the tests found.

    Attributes:
        photographs: Compared, a side, after both were cut to the same classes.
        joint_statistic: Squared maximum mean discrepancy, unbiased; around 0 without drift.
        joint_p: Its p-value.
        joint_adjusted_p: After the correction for the features' tests.
        features: The single features, the most changed first.
    """

    photographs: int
    joint_statistic: float
    joint_p: float
    joint_adjusted_p: float
    features: tuple[FeatureTest, ...]

    @property
    def found(self) -> bool:
        """Whether any test rejects at :data:`LEVEL`, all together."""
        return min(self.joint_adjusted_p, *(f.adjusted_p for f in self.features)) < LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return the findings as the command line prints them."""
        changed = [f.name for f in self.features if f.adjusted_p < LEVEL]
        return {
            "measured": True,
            "found": self.found,
            "changed": changed,
            "level": LEVEL,
            "reference": "validation photographs",
            "photographs": self.photographs,
            "joint": {
                "test": "maximum mean discrepancy",
                "statistic": round(self.joint_statistic, 5),
                "p": round(self.joint_p, 5),
                "adjusted_p": round(self.joint_adjusted_p, 5),
            },
            "features": {
                f.name: {
                    "test": "Kolmogorov-Smirnov",
                    "statistic": round(f.statistic, 4),
                    "p": float(f"{f.p_value:.3g}"),
                    "adjusted_p": float(f"{f.adjusted_p:.3g}"),
                    "shift": round(f.shift, 3),
                }
                for f in self.features
            },
        }


def features(logits: Array, class_names: Sequence[str], statistics: Array) -> dict[str, Array]:
    """Return the features of photographs by name, float64 [n] each.

    Args:
        logits: float [n, C].
        class_names: In column order.
        statistics: float64 [n, 5], :data:`.image_statistics.STATISTICS` of the same.
    """
    centred = logits.astype(np.float64) - logits.mean(axis=1, keepdims=True)
    ordered = np.sort(centred, axis=1)
    found = {f"logit {name}": centred[:, i] for i, name in enumerate(class_names)}
    if len(class_names) == 2:  # two columns that sum to zero are one feature
        del found[f"logit {class_names[0]}"]
    found["margin"] = ordered[:, -1] - ordered[:, -2]
    found.update(zip(STATISTICS, statistics.T, strict=True))
    return found


def same_classes(
    reference: Array, holdout: Array, random: np.random.Generator
) -> tuple[Array, Array]:
    """Choose photographs so that both sides hold as many of each class.

    Args:
        reference: int [n], the classes of one side.
        holdout: int [m], of the other.
        random: Chooses.

    Returns:
        Positions in each, as many.
    """
    common = np.intersect1d(reference, holdout)
    counts = {
        int(c): min(np.count_nonzero(reference == c), np.count_nonzero(holdout == c))
        for c in common
    }
    total = sum(counts.values())
    keep = min(1.0, _MOST / total) if total else 0.0
    sides = []
    for labels in (reference, holdout):
        chosen = [
            random.permutation(np.flatnonzero(labels == c))[: int(np.ceil(n * keep))]
            for c, n in counts.items()
        ]
        sides.append(np.concatenate(chosen) if chosen else np.zeros(0, int))
    return sides[0], sides[1]


def compare(reference: dict[str, Array], holdout: dict[str, Array], seed: int) -> Drift:
    """Test whether two sets of photographs have the same distribution.

    Args:
        reference: Features by name, float [n] each.
        holdout: The same features, float [m] each.
        seed: Of the permutations.

    Raises:
        ValueError: There are fewer than two photographs on a side.
    """
    names = list(reference)
    first = np.stack([reference[name] for name in names], axis=1)
    second = np.stack([holdout[name] for name in names], axis=1)
    if min(len(first), len(second)) < 2:
        raise ValueError("a comparison needs two photographs on either side")
    spread = np.where(first.std(axis=0) > 0, first.std(axis=0), 1.0)
    shift = (second.mean(axis=0) - first.mean(axis=0)) / spread
    single = [ks_2samp(first[:, i], second[:, i]) for i in range(len(names))]
    both = np.concatenate([first, second])
    scale = np.where(both.std(axis=0) > 0, both.std(axis=0), 1.0)
    joint, joint_p = _discrepancy((both - both.mean(axis=0)) / scale, len(first), seed)
    adjusted = _holm(np.array([float(s.pvalue) for s in single]))
    tests = [
        FeatureTest(name, float(s.statistic), float(s.pvalue), float(p), float(by))
        for name, s, p, by in zip(names, single, np.minimum(2 * adjusted, 1.0), shift, strict=True)
    ]
    return Drift(
        min(len(first), len(second)),
        joint,
        joint_p,
        min(2 * joint_p, 1.0),
        tuple(sorted(tests, key=lambda t: (t.p_value, t.name))),
    )


def _discrepancy(points: Array, first: int, seed: int) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy of the first points and the rest, and its p."""
    squared = cdist(points, points, "sqeuclidean")
    # The median distance as the kernel's width, as in Gretton et al.
    width = np.median(squared[np.triu_indices(len(points), 1)])
    kernel = np.exp(-squared / (width if width > 0 else 1.0))
    np.fill_diagonal(kernel, 0.0)  # unbiased: no point is compared with itself
    random = np.random.default_rng(seed)
    original = np.zeros((1, len(points)))
    original[0, :first] = 1.0
    observed = _statistic(kernel, original)[0]
    beyond = 0
    for start in range(0, _PERMUTATIONS, _CHUNK):
        count = min(_CHUNK, _PERMUTATIONS - start)
        shuffled = random.permuted(np.repeat(original, count, axis=0), axis=1)
        beyond += int(np.count_nonzero(_statistic(kernel, shuffled) >= observed))
    return float(observed), (1 + beyond) / (1 + _PERMUTATIONS)


def _statistic(kernel: Array, in_first: Array) -> Array:
    """Return the statistic for each row of ``in_first``, float [B, N] of zeros and ones."""
    n, total = in_first[0].sum(), in_first.shape[1]
    m = total - n
    to_first = in_first @ kernel
    within = (to_first * in_first).sum(axis=1)
    across = to_first.sum(axis=1) - within  # from the first to the rest
    rest = kernel.sum() - within - 2 * across
    squared: Array = within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m)
    return squared


def _holm(p_values: Array) -> Array:
    """Return Holm's adjusted p-values, in the same order."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
