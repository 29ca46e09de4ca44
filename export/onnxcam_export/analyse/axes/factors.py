"""Axes as products of factors, and what each factor counts.

A Reshape merges axes and splits them: [N, C, h, w] becomes [N, C, h w], and a map of Swin the windows [N h/7 w/7, 7 7,
C]. So an axis is a product of factors, in row-major order. A factor keeps its identity from value to value, and factors
of different sizes can have the same meaning: before and after a convolution with strides, h runs along the same side of
the image.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import accumulate, groupby, islice, zip_longest
from math import prod
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Stands for a symbolic batch in products of sizes: a prime that divides no size.
SYMBOLIC_BATCH = 1_000_003


class Role(Enum):
    """What an axis counts."""

    BATCH = "batch"
    CHANNELS = "channels"
    PLACES = "places"
    MIXTURE = "places along different sides of the image"


class Extent(Enum):
    """How much of a side of the image the places of a factor stand for."""

    WHOLE = "all of it"
    PART = "a part of it, or in another order"
    BORDER = "all of it, and a border that was added"
    GROWN = "all of it, and what a convolution added, which is usually cut off again"


class Meaning:
    """What a factor counts, shared by all factors that count the same; the role that was found first stays.

    Which operator saw an axis first decides, because it is the nearest to the image: later ones use axes in other ways,
    such as a convolution along the channels (ECA's gate), or one that takes tokens for channels (mixers).

    Attributes:
        same: The meaning that this one was merged into; its attributes count then.
        told: What is counted; None where no operator told.
        when: The order in which that was found.
        toward: Of places, which of the image's axes of places they run along, counted from 0; None if not known.
    """

    def __init__(self) -> None:
        """A meaning without a role."""
        self.same: Meaning | None = None
        self.told: Role | None = None
        self.when = 0
        self.toward: int | None = None

    @property
    def root(self) -> Meaning:
        """The meaning that counts."""
        root = self
        while root.same is not None:
            root = root.same
        return root

    @property
    def role(self) -> Role | None:
        """What is counted."""
        return self.root.told

    @property
    def direction(self) -> int | None:
        """Which of the image's axes of places it runs along."""
        return self.root.toward

    def tell(self, role: Role, when: int, direction: int | None = None) -> None:
        """Enters a role, unless there is one already."""
        root = self.root
        if root.told is None:
            root.told, root.when, root.toward = role, when, direction

    def merge(self, other: Meaning) -> None:
        """Makes both the same, unless they are different places; of two roles the one that was found first stays."""
        first, second = sorted((self.root, other.root), key=lambda root: (root.told is None, root.when))
        if first is not second and not first.differs_from(second):
            second.same = first

    def differs_from(self, other: Meaning) -> bool:
        """Whether both are places, and known to run along different sides of the image."""
        if {self.role, other.role} == {Role.PLACES, Role.MIXTURE}:
            return True
        return None not in {self.direction, other.direction} and self.direction != other.direction

    @classmethod
    def mixture(cls) -> Meaning:
        """The meaning of places that run along different sides, as in the sum of a map and the transposed map."""
        meaning = cls()
        meaning.tell(Role.MIXTURE, 0)
        return meaning


class Factor:
    """A factor of an axis.

    Attributes:
        size: How many there are.
        meaning: What they are.
        skip: Of tokens, how many stand before the places (class tokens, registers); 0 of all else.
        places: Of tokens, the factors of the places; empty of all else.
        extent: Of places, how much of their side they stand for.
        splits: The two factors that it was split into, by the size of the first.
        split_from: The factor that this one is one of two such factors of.
    """

    def __init__(
        self,
        size: int,
        meaning: Meaning | None = None,
        skip: int = 0,
        places: Axis = (),
        extent: Extent = Extent.WHOLE,
    ) -> None:
        """A factor of its own."""
        self.size = size
        self.meaning = meaning or Meaning()
        self.skip = skip
        self.places = places
        self.extent = extent
        self.splits: dict[int, tuple[Factor, Factor]] = {}
        self.split_from: Factor | None = None

    @property
    def token_indices(self) -> range:
        """Of tokens, the indices of the places."""
        return range(self.skip, self.skip + prod(factor.size for factor in self.places))

    @property
    def role(self) -> Role | None:
        """What it counts."""
        return self.meaning.role

    def split(self, size: int) -> tuple[Factor, Factor] | None:
        """The factor as a product of one of that size and another; None where it cannot be divided."""
        if self.size % size or self.role is Role.BATCH or self.places:
            return None
        if size not in self.splits:
            first, second = self.like(size), self.like(self.size // size)
            first.split_from = second.split_from = self
            self.splits[size] = (first, second)
        return self.splits[size]

    def joined(self, second: Factor) -> Factor | None:
        """The factor that was split into this one and the second; None where there is none."""
        whole = self.split_from
        return whole if whole is not None and whole.splits.get(self.size) == (self, second) else None

    def like(self, size: int, extent: Extent | None = None) -> Factor:
        """A factor of another size that counts the same."""
        return Factor(size, self.meaning, extent=extent or self.extent)


Axis = tuple[Factor, ...]


def is_batch(axis: Axis) -> bool:
    """Whether the axis is the batch, and nothing else."""
    return [factor.role for factor in axis if factor.size > 1 or factor.role is Role.BATCH] == [Role.BATCH]


def contains_batch(axis: Axis) -> bool:
    """Whether the batch is a factor of the axis."""
    return any(factor.role is Role.BATCH for factor in axis)


def is_places(axis: Axis) -> bool:
    """Whether the axis counts places, and nothing else."""
    return all(factor.role is Role.PLACES for factor in axis)


def directions_of(axis: Axis) -> tuple[int, ...]:
    """The sides of the image that the places of an axis run along, in order; none if they are not all known."""
    directions = [factor.meaning.direction for factor in axis]
    known = [direction for direction in directions if direction is not None]
    return tuple(side for side, _ in groupby(known)) if len(known) == len(directions) else ()


def run_apart(axes: Iterable[Axis]) -> bool:
    """Whether axes that would become one are places along different sides, or along several in another order."""
    return len({directions for axis in axes if (directions := directions_of(axis))}) > 1


def regroup(
    axes: Iterable[Axis], sizes: Sequence[int | None], *, batch_goes_before: bool = True
) -> tuple[Axis, ...] | None:
    """The axes after a Reshape.

    Args:
        axes: Those before.
        sizes: Those after; one may be None.
        batch_goes_before: Whether a batch of one between two axes is taken for a factor of the former, where both can
            be.

    Returns:
        From the first axis that no factors fit, axes of which nothing is known; None where the sizes are of other
        products.
    """
    pending = deque(factor for axis in axes for factor in axis if factor.size > 1 or factor.role is Role.BATCH)
    known = _completed(sizes, pending)
    grouped: list[Axis] = []
    for size, following in zip_longest(known or (), (known or ())[1:]):
        axis = _take(pending, size)
        if axis is None:
            return (*grouped, *((Factor(size),) for size in (known or ())[len(grouped) :]))
        if batch_goes_before and axis and following is not None and _can_go_before(pending, following):
            axis.append(pending.popleft())
        grouped.append(_collapsed(axis) or (Factor(1),))
    if grouped and pending:
        grouped[-1] += tuple(pending)  # a batch of one
    return tuple(grouped) if known is not None else None


def _completed(sizes: Sequence[int | None], factors: Iterable[Factor]) -> list[int] | None:
    """The sizes with the missing one computed; None where the products differ."""
    total = rest = 1
    for factor in factors:
        total *= factor.size
    for size in sizes:
        rest *= size or 1
    if sizes.count(None) > 1 or rest == 0 or total % rest or (None not in sizes and total != rest):
        return None
    return [total // rest if size is None else size for size in sizes]


def _take(pending: deque[Factor], size: int) -> list[Factor] | None:
    """The next factors whose product is the size; one that is too large is split."""
    axis: list[Factor] = []
    while size > 1:
        factor = pending.popleft()
        if size % factor.size:
            parts = None if factor.size % size else factor.split(size)
            if parts is None:
                return None
            factor, rest = parts
            pending.appendleft(rest)
        axis.append(factor)
        size //= factor.size
    if not axis and pending and pending[0].size == 1:
        axis.append(pending.popleft())
    return axis


def _can_go_before(pending: deque[Factor], size: int) -> bool:
    """Whether a batch of one, between an axis and one of that size, can be the last factor of the former.

    Its size does not tell: [17, 1, 32] to [17, 32] can be 17 N rows or 32 N columns. If the later axis is a part of the
    next factor, as in [17, 4, 8], the batch is the first factor there, N 4 heads of attention.
    """
    if size == 1 or not pending or pending[0].size > 1:
        return False
    products = accumulate((factor.size for factor in islice(pending, 1, None)), mul)
    return size in products


def _collapsed(factors: list[Factor]) -> Axis:
    """The factors, with those that stand side by side as they were split put together again."""
    axis: list[Factor] = []
    for factor in factors:
        axis.append(factor)
        while len(axis) > 1 and (whole := axis[-2].joined(axis[-1])) is not None:
            axis[-2:] = [whole]
    return tuple(axis)
