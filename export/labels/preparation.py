"""Labelled images on their way from what files say to what can be used."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from export import repeats, splitting
from export.duplicates import EXACT, THUMBNAIL, ImageSet
from export.errors import DataSetError
from export.labels import checking
from export.labels.annotations import (
    TEST,
    TRAINING,
    VALIDATION,
    LabelledImage,
    Listing,
    Problem,
)
from export.labels.checking import Checked, Classes, Look
from export.labels.folder import Folder
from export.labels.samples import Array, DetectionData, Sample

_READERS = 4  # decoding releases the interpreter lock; more threads than this gain nothing


@dataclass(frozen=True)
class Reading:
    """How a data set is read.

    Attributes:
        class_names: The only classes to use, in label order; None for the data set's.
        on_bad_input: One of :data:`export.labels.arguments.ON_BAD_INPUT`.
        validation_fraction: Share to hold out when the data set states no split.
        seed: Of that split: the same seed and files give the same split.
        need_objects: Whether training and validation must have a box each.
    """

    class_names: Sequence[str] | None = None
    on_bad_input: str = "skip"
    validation_fraction: float = 0.2
    seed: int = 0
    need_objects: bool = True


class Preparation:
    """One data set on its way."""

    def __init__(self, folder: Folder, listing: Listing, reading: Reading) -> None:
        """Begin with what a reader found.

        Args:
            folder: The data set's folder.
            listing: What the reader found in it.
            reading: How to go on.
        """
        self._folder, self._reading = folder, reading
        self._problems, self._notes = list(listing.problems), list(listing.notes)
        self._images = self._each_once(listing.parts)
        self._states_split = VALIDATION in self._images
        self._classes = self._choose_classes(listing.class_names)
        self._thumbnails: dict[Path, Array] = {}
        self._left_out: Counter[str] = Counter()
        self._turned = self._unusable = 0

    def data(self, layout: str) -> DetectionData:
        """Check everything and divide it."""
        parts = {part: self._checked(images) for part, images in self._images.items()}
        self._note_what_was_changed()
        training, validation, test = (parts.get(p, []) for p in (TRAINING, VALIDATION, TEST))
        split = "as the data set states it"
        training = self._without_overlap(training, [*validation, *test])
        pairs, samples = self._pairs([*training, *validation, *test])
        if training and not self._states_split:
            seed, share = self._reading.seed, self._reading.validation_fraction
            split = f"{share:.0%} held out at random (seed {seed}), copies on one side"
            try:
                training, validation = _hold_out(training, share, seed)
            except DataSetError:
                reason = "the images with objects are copies of one file: none can be held out"
                self._problems.append(Problem(self._folder.root, reason))
                split = "nothing can be held out"
        return DetectionData(
            self._classes.names,
            tuple(training),
            tuple(validation),
            tuple(self._problems),
            tuple(test),
            layout,
            split,
            tuple(self._notes),
            self._across_split(pairs, samples, (training, validation, test)),
        )

    def _each_once(
        self, parts: Mapping[str, Sequence[LabelledImage]]
    ) -> dict[str, list[LabelledImage]]:
        """Join what is said of one image in several places of a part."""
        joined: dict[str, list[LabelledImage]] = {}
        for part, images in parts.items():
            entries: dict[Path, list[LabelledImage]] = {}
            for image in images:
                entries.setdefault(image.path, []).append(image)
            joined[part] = []
            for first, *others in entries.values():
                if not others:
                    joined[part].append(first)
                    continue
                objects = dict.fromkeys(item for one in (first, *others) for item in one.objects)
                unread = sum(one.unread for one in (first, *others))
                joined[part].append(replace(first, objects=tuple(objects), unread=unread))
                for other in others:
                    name = self._folder.name(other.path)
                    reason = f"{name} is listed twice; all boxes of both entries are used"
                    self._problems.append(Problem(other.source, reason))
        return joined

    def _choose_classes(self, declared: Sequence[str] | None) -> Classes:
        if self._reading.class_names:
            return Classes(tuple(self._reading.class_names), chosen=True)
        # Of a folder that is held out as a whole, all parts say which classes there are.
        is_held_out = not self._images[TRAINING]
        counts = self._boxes_by_label((TRAINING, VALIDATION, *((TEST,) if is_held_out else ())))
        trained = counts if is_held_out else self._boxes_by_label((TRAINING,))
        names = tuple(name for name in declared or sorted(trained) if name in trained)
        if declared and (unused := [name for name in declared if name not in counts]):
            self._notes.append(f"classes without a box are left out: {', '.join(unused)}")
        for alike in _alike(names):
            said = ", ".join(f"{name!r} ({counts[name]})" for name in alike)
            reason = (
                f"{len(alike)} classes differ in case or spaces alone: {said}; each is a class of "
                f"its own unless --classes says which name stands for all"
            )
            self._problems.append(Problem(self._folder.root, reason))
        return Classes(names)

    def _boxes_by_label(self, parts: Sequence[str]) -> Counter[str]:
        return Counter(
            item.label
            for part in parts
            for image in self._images.get(part, ())
            for item in image.objects
        )

    def _checked(self, images: Sequence[LabelledImage]) -> list[Sample]:
        samples = []
        with ThreadPoolExecutor(_READERS) as pool:
            for number, (image, seen) in enumerate(
                zip(images, pool.map(checking.look, images), strict=True), 1
            ):
                checked = self._check(image, seen)
                self._problems += checked.problems
                self._left_out.update(checked.left_out)
                self._turned += checked.turned
                self._unusable += checked.unusable
                samples += [checked.sample] if checked.sample else []
                _show_progress(number, len(images))
        return samples

    def _note_what_was_changed(self) -> None:
        if self._left_out:
            said = ", ".join(f"{name} {count}" for name, count in sorted(self._left_out.items()))
            self._notes.append(f"boxes of classes that were not chosen are left out: {said}")
        if self._unusable:
            said = "images of whose objects none can be used are left out, not taken as empty"
            self._notes.append(f"{self._unusable} {said}")
        if self._turned:
            said = f"the boxes of {self._turned} images were turned upright with the image"
            self._notes.append(said)

    def _check(self, image: LabelledImage, seen: Look | Problem) -> Checked:
        if isinstance(seen, Problem):
            return Checked(problems=[seen])
        self._thumbnails[image.path] = seen.thumbnail
        return checking.check(image, seen, self._classes)

    def _without_overlap(self, training: list[Sample], held_out: list[Sample]) -> list[Sample]:
        """Leave out of training what is held out as well, under whatever name."""
        by_digest = {sample.digest: sample.path for sample in held_out}
        twice = [sample for sample in training if sample.digest in by_digest]
        if twice and len(twice) == len(training):  # some tools write one folder for both
            self._states_split = False
            reason = "what is trained on and what is held out are the same images; a share of "
            self._problems.append(Problem(self._folder.root, reason + "them is held out instead"))
            return training
        for sample in twice:
            other = by_digest[sample.digest]
            same = "this image" if other == sample.path else self._folder.name(other)
            reason = f"the same content is held out as {same}; it is not trained on"
            self._problems.append(Problem(sample.path, reason))
        return [sample for sample in training if sample.digest not in by_digest]

    def _pairs(self, samples: list[Sample]) -> tuple[list[repeats.Repeat], list[Sample]]:
        once = list({sample.path: sample for sample in samples}.values())
        thumbnails = np.array([self._thumbnails[sample.path] for sample in once], np.uint8)
        images = ImageSet(
            [sample.path for sample in once],
            [sample.digest for sample in once],
            thumbnails.reshape(-1, THUMBNAIL, THUMBNAIL),
        )
        pairs = repeats.find(images)
        if copies := [pair for pair in pairs if pair.kind == EXACT]:
            shown = [once[place].path for pair in copies[:1] for place in (pair.first, pair.second)]
            names = " and ".join(self._folder.name(path) for path in shown)
            also = f" (and {len(copies) - 1} more pairs)" if len(copies) > 1 else ""
            self._notes.append(f"{names} have the same content{also}")
        return pairs, once

    def _across_split(
        self,
        pairs: Sequence[repeats.Repeat],
        samples: Sequence[Sample],
        parts: Iterable[Sequence[Sample]],
    ) -> dict[str, object]:
        side = {sample.path: number for number, part in enumerate(parts) for sample in part}
        names = [self._folder.name(sample.path) for sample in samples]
        sides = [side.get(sample.path) for sample in samples]
        return {
            "across_split": repeats.concerning(
                pairs,
                names,
                lambda first, second: sides[first] != sides[second],
                "are in different parts (training, validation, test): mAP will look too good",
            )
        }


def _hold_out(
    samples: list[Sample], fraction: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Hold out a share of the images with boxes, and the same share of those without."""
    if len(samples) < 2:
        return samples, []
    paths, digests = [s.path for s in samples], [s.digest for s in samples]
    groups = splitting.groups(paths, digests, "")
    empty = np.array([not len(sample.boxes) for sample in samples])
    strata: tuple[str, ...] = ("images with objects", "images without objects")
    labels = empty.astype(int)
    if len(set(groups[empty].tolist())) < 2 or empty.all():
        labels[:] = 0  # nothing to divide in proportion
        strata = strata[:1]
    validates = splitting.hold_out(labels, groups, fraction, seed, strata)
    return (
        [sample for sample, held in zip(samples, validates, strict=True) if not held],
        [sample for sample, held in zip(samples, validates, strict=True) if held],
    )


def _alike(names: Sequence[str]) -> list[list[str]]:
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(checking.plain(name), []).append(name)
    return [alike for alike in by_plain.values() if len(alike) > 1]


def _show_progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rlooking at image {done} of {of}" + ("\n" if done == of else ""))
