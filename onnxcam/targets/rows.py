"""Turns targets into the rows of a run: classes and ranks for one input of the model, cotangents for the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.targets.labels import named_class
from onnxcam.targets.of_classes import Class, LabelOfTwo, Negative
from onnxcam.targets.of_scores import Element
from onnxcam.targets.scalar import Scalar, number_of_classes
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.detection import BoxFinder
    from onnxcam.metadata import Metadata

Target = int | str | np.integer | Scalar
Targets = Target | Sequence[Target] | Sequence[Sequence[Target]] | npt.NDArray[np.integer]

# A class index or rank, or a scalar that is bound to the model.
Wanted = int | Scalar


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one run, as the model takes them: those of the targets come first.

    Attributes:
        targets: Class indices and ranks, [T].
        seeds: Rows of cotangents v, [S, *score shape].
        order: The position of each wanted row among the model's M rows.
        classes: The class of each wanted row that is known before the run, else -1.
    """

    targets: npt.NDArray[np.int64]
    seeds: Floats
    order: Sequence[int]
    classes: Sequence[int]


def resolve(target: Targets, images: int, metadata: Metadata) -> list[list[Wanted]]:
    """Binds targets to a model, and checks that they fit the batch.

    Args:
        target: A class index, a label, a rank (-1 is the top-scoring class, -2 the second), a scalar of
            ``onnxcam.targets``, or a sequence of these; or a sequence for each image, all of one length.
        images: N, the number of images.
        metadata: The model's metadata.

    Returns:
        One list: a target for all images, one for each, or, for one image, any number. Or, if there is a sequence for
        each of several images, a list for each.

    Raises:
        TargetError: The model has no such target, or they do not fit N.
    """
    wanted = list(target) if _is_several(target) else [target]
    if not wanted:
        raise TargetError("no target is given; -1 is the top-scoring class")
    if any(_is_several(item) for item in wanted):
        return [[_bound(item, metadata) for item in row] for row in _by_image(wanted, images)]
    if images > 1 and len(wanted) not in {1, images}:
        raise TargetError(
            f"{len(wanted)} targets do not fit {images} images; give one target for all, one for each image, or a list "
            "for each image"
        )
    return [[_bound(item, metadata) for item in wanted]]


def any_target(metadata: Metadata) -> Target:
    """A target that the model has, for runs whose scores alone are wanted."""
    if metadata.classes is None:
        return Element(*[0] * len(metadata.shape_of_scores))
    return 1 if metadata.is_binary else -1


def need_scores(wanted: Sequence[Wanted], images: int) -> bool:
    """Whether the cotangents of some rows depend on the scores, so that a run at level 0 comes first."""
    scalars = [item for item in wanted if isinstance(item, Scalar)]
    has_ranks = any(not isinstance(item, Scalar) and item < 0 for item in wanted)
    return any(item.needs_scores for item in scalars) or (images > 1 and bool(scalars) and has_ranks)


def fixed_at(
    wanted: Sequence[Wanted], scores: Floats, finders: Sequence[BoxFinder | None] | None = None
) -> list[Wanted]:
    """The targets of each row, with all that the scores choose chosen, except ranks of classes.

    Args:
        wanted: As ``resolve`` gives them for one run.
        scores: [N, *score shape].
        finders: The boxes of each image; None of a model that is no detector.

    Returns:
        A target for each of the M rows.

    Raises:
        TargetError: An image does not have what is to be explained in it.
    """
    images = len(scores)
    every = [*wanted] * (images if len(wanted) == 1 else 1)
    fixed: list[Wanted] = []
    for row, item in enumerate(every):
        image = row if images > 1 else 0
        try:
            finder = None if finders is None else finders[image]
            chosen = item.fixed_at(scores[image], finder) if isinstance(item, Scalar) else item
            fixed.append(int(chosen.c) if isinstance(chosen, Class) else chosen)
        except TargetError as error:
            if images == 1:
                raise
            raise TargetError(f"image {image}: {error}") from error
    return fixed


def rows_of(wanted: Sequence[Wanted], images: int, shape: tuple[int, ...], scores: Floats | None = None) -> Rows:
    """The rows of a run.

    With one image, classes and ranks go to the model's targets, and scalars to its seeds. With several, the model takes
    a target for each image or a seed for each image, so that a single scalar makes all rows seeds.

    Args:
        wanted: As ``resolve`` gives them for one run.
        images: N.
        shape: The shape of the scores without the batch.
        scores: [N, *shape], where ``need_scores`` says that they are needed.
    """
    scalars = [item for item in wanted if isinstance(item, Scalar)]
    numbers = [item for item in wanted if not isinstance(item, Scalar)]
    if not scalars:
        count = max(images, len(numbers))
        return Rows(np.array(numbers, np.int64), np.zeros((0, *shape), np.float32), range(count), [-1] * count)
    known = np.zeros((images, *shape), np.float32) if scores is None else scores
    if images > 1:
        every = list(wanted) * (images if len(wanted) == 1 else 1)
        bound = [
            item if isinstance(item, Scalar) else Class(_ranked(item, own))
            for item, own in zip(every, known, strict=True)
        ]
        seeds = [item.cotangent(own) for item, own in zip(bound, known, strict=True)]
        classes = [int(item.c) if isinstance(item, Class) else -1 for item in bound]
        return Rows(np.zeros(0, np.int64), np.stack(seeds), range(images), classes)
    seeds = [item.cotangent(known[0]) for item in scalars]
    first = iter(range(len(numbers)))
    then = iter(range(len(numbers), len(wanted)))
    order = [next(then) if isinstance(item, Scalar) else next(first) for item in wanted]
    return Rows(np.array(numbers, np.int64), np.stack(seeds), order, [-1] * len(wanted))


def _ranked(number: int, scores: Floats) -> int:
    """The class of a class index or rank, by one image's scores."""
    return number if number >= 0 else int(np.argsort(-scores, kind="stable")[-1 - number])


def _bound(target: object, metadata: Metadata) -> Wanted:
    """The target, checked against the model; a single class is its index."""
    if isinstance(target, Scalar):
        bound = target.bound(metadata)
        if not metadata.has_seeds and not isinstance(bound, Class):
            shown = shortened(repr(bound))
            raise TargetError(f"{shown} needs a model of schema 2; export this one again with onnxcam-export")
        return int(bound.c) if isinstance(bound, Class) else bound
    classes = number_of_classes(metadata)
    if not metadata.is_binary:
        return named_class(target, classes, metadata.labels)
    index = named_class(target, 2, metadata.labels)
    return LabelOfTwo(index) if index < 0 else Negative(0) if index == 0 else 0


def _by_image(wanted: Sequence[object], images: int) -> list[list[object]]:
    """The targets of each image.

    Raises:
        TargetError: They are not as many lists as images, or not all of one length.
    """
    rows = [list(row) if _is_several(row) else [] for row in wanted]
    if len(rows) != images:
        raise TargetError(f"{len(rows)} lists of targets do not fit {images} images; give one list for each image")
    if not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise TargetError("the lists of targets differ in length, or are empty; give each image as many targets")
    return rows


def _is_several(target: object) -> TypeGuard[Collection[Any]]:
    """Whether it is a list, an array or the like; an array without axes is one number."""
    return isinstance(target, Collection) and not isinstance(target, (str, bytes)) and getattr(target, "ndim", 1) != 0
