"""Which axis of an output is which axis of an input, for each operator.

Reshapes, concatenations and operators that take a part of an axis are in ``follow`` and ``taken``: what they do depends
on the factors of the axes.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from onnxcam_export.differentiate.rules.matmul import einsum_letters
from onnxcam_export.graph.steps import REDUCTIONS, Step, is_constant, reduced_axes, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import onnx_ir as ir


class How(Enum):
    """How an output depends on an input along an axis."""

    SAME = "each element on the same one"
    MIXED = "each element on several, of an axis that stays"
    OTHER = "on an axis of another size that counts the same"


class Link(NamedTuple):
    """An axis of an input that is an axis of an output."""

    input: int
    x_axis: int
    y_axis: int
    how: How = How.SAME
    output: int = 0


def links_of(step: Step) -> list[Link]:
    """The links of a step; none of an operator that gives the shape of its input, which is a number of its own."""
    values = [value for value in (*step.inputs[:1], *step.outputs) if value is not None]
    if step.op_type in SHAPE_READERS or any(value.shape is None for value in values):
        return []
    if step.op_type in _LINKS and _parameters_are_known(step):
        return _LINKS[step.op_type](step)
    x, y = step.inputs[0] if step.inputs else None, step.y
    if x is not None and x.shape is not None and y.shape is not None and shape_of(x) == shape_of(y):
        return _along(step)
    return _batch_alone(step)


SHAPE_READERS = frozenset(("Shape", "Size", "NonZero", "ConstantOfShape"))


def _parameters_are_known(step: Step) -> bool:
    """Whether the axes and pads that the step takes as inputs are constants; true of all other operators."""
    return not step.op_type.startswith(("Reduce", "Pad")) or all(x is None or is_constant(x) for x in step.inputs[1:])


def _rank(value: ir.Value | None) -> int:
    return 0 if value is None or value.shape is None else len(value.shape)


def _every(count: int, mixed: Iterable[int] = (), other: Iterable[int] = ()) -> list[Link]:
    """Links from the first input's axes to the same axes of the first output."""
    how = dict.fromkeys(mixed, How.MIXED) | dict.fromkeys(other, How.OTHER)
    return [Link(0, axis, axis, how.get(axis, How.SAME)) for axis in range(count)]


def _along(step: Step) -> list[Link]:
    """Element by element, from the first input."""
    return _every(_rank(step.x))


def _broadcast(step: Step) -> list[Link]:
    """Element by element, from all inputs, aligned at their last axes."""
    links = []
    for index, x in enumerate(step.inputs):
        if x is None or x.shape is None:
            continue
        offset = _rank(step.y) - _rank(x)
        links += [
            Link(index, axis, axis + offset)
            for axis, size in enumerate(shape_of(x))
            if size == shape_of(step.y)[axis + offset]
        ]
    return links


def _batch_alone(step: Step) -> list[Link]:
    """An operator of which nothing is known keeps its first axis, if that has the same size."""
    return [
        Link(index, 0, 0, output=output)
        for output, y in enumerate(step.outputs)
        for index, x in enumerate(step.inputs)
        if x is not None and _rank(x) and _rank(y) and shape_of(x)[0] == shape_of(y)[0]
    ]


def _windows(step: Step) -> list[Link]:
    """A convolution has channels of its own, and places that are the same only if its windows are single elements."""
    places = range(2, _rank(step.x))
    single = _is_single(step) and shape_of(step.x)[2:] == shape_of(step.y)[2:]
    return [Link(0, 0, 0), *(Link(0, axis, axis, How.SAME if single else How.OTHER) for axis in places)]


def _is_single(step: Step) -> bool:
    weight = step.input(1)
    kernel = step.attributes.get("kernel_shape") or (weight is not None and shape_of(weight)[2:]) or ()
    moved = any(step.attributes.get("pads", ())) or set(step.attributes.get("strides", ())) - {1}
    return set(kernel) == {1} and not moved


def _pooling(step: Step) -> list[Link]:
    return [Link(0, 1, 1), *_windows(step)]


def _resized(step: Step) -> list[Link]:
    """Axes of another size count the same."""
    before, after = shape_of(step.x), shape_of(step.y)
    return _every(len(before), other=[axis for axis in range(len(before)) if before[axis] != after[axis]])


def _padded(step: Step) -> list[Link]:
    """Padding moves the elements of an axis."""
    rank, pads = _rank(step.x), step.constant(1)
    axes = step.constant(3)
    if pads is None:
        return _every(rank, other=range(1, rank))
    named = range(rank) if axes is None else [int(axis) % rank for axis in axes]
    moved = [axis for axis, *ends in zip(named, pads[: len(named)], pads[len(named) :], strict=True) if any(ends)]
    return _every(rank, other=moved)


def _transposed(step: Step) -> list[Link]:
    perm = step.attributes.get("perm") or range(_rank(step.x))[::-1]
    return [Link(0, axis, place) for place, axis in enumerate(perm)]


def _reduced(step: Step) -> list[Link]:
    axes = set(reduced_axes(step))
    kept = [axis for axis in range(_rank(step.x)) if axis not in axes]
    keeps = bool(step.attributes.get("keepdims", 1))
    return [Link(0, axis, axis if keeps else place) for place, axis in enumerate(kept)]


def _mixing_from(default: int) -> Callable[[Step], list[Link]]:
    """Operators that mix along all axes from the attribute ``axis`` on."""

    def links(step: Step) -> list[Link]:
        rank = _rank(step.x)
        return _every(rank, mixed=range(int(step.attributes.get("axis", default)) % rank, rank))

    return links


def _mixing_axis(step: Step) -> list[Link]:
    rank = _rank(step.x)
    return _every(rank, mixed=[int(step.attributes.get("axis", -1)) % rank])


def _cumulated(step: Step) -> list[Link]:
    """Along an axis that the step takes as an input; along all if it is not known."""
    rank = _rank(step.x)
    axis = step.constant(1) if is_constant(step.inputs[1]) else None
    return _every(rank, mixed=range(rank) if axis is None else [int(axis.item()) % rank])


def _mixing_after(first: int) -> Callable[[Step], list[Link]]:
    return lambda step: _every(_rank(step.x), mixed=range(first, _rank(step.x)))


def _except_axis(step: Step) -> list[Link]:
    """Operators that choose along one axis."""
    rank = _rank(step.x)
    chosen = int(step.attributes.get("axis", -1 if step.op_type == "TopK" else 0)) % rank
    sizes = zip(shape_of(step.x), shape_of(step.y), strict=True) if _rank(step.y) == rank else ()
    return [Link(0, axis, axis) for axis, (a, b) in enumerate(sizes) if axis != chosen and a == b]


def _scattered(step: Step) -> list[Link]:
    """Along the axes at which nothing is chosen, both from the data and from the updates, which may be all there is."""
    rank, indices = _rank(step.x), _rank(step.inputs[1])
    if step.op_type == "ScatterElements":
        axis = int(step.attributes.get("axis", 0)) % rank
        pairs = [(place, place) for place in range(rank) if place != axis]
    else:
        chosen = shape_of(step.inputs[1])[-1] if indices and step.inputs[1] is not None else None
        pairs = [] if chosen is None else [(place - chosen + indices - 1, place) for place in range(chosen, rank)]
    updates = step.inputs[2]
    known = () if updates is None or updates.shape is None else shape_of(updates)
    return [
        *_along(step),
        *(Link(2, x, y) for x, y in pairs if x < len(known) and known[x] == shape_of(step.y)[y]),
    ]


def _product(step: Step) -> list[Link]:
    """[…, i, k] times […, k, j]: i is the first one's, j the second one's, and what comes before is aligned."""
    rank, links = _rank(step.y), []
    for index, own, contracted in ((0, rank - 2, -1), (1, rank - 1, -2)):
        x = step.inputs[index]
        count = _rank(x)
        if x is None or count < 2 or rank < 2:
            continue
        kept = count - 2 if contracted == -1 else count - 1
        links.append(Link(index, kept, own))
        links += [
            Link(index, axis, axis + rank - count)
            for axis in range(count - 2)
            if shape_of(x)[axis] == shape_of(step.y)[axis + rank - count]
        ]
    return links


def _gemm(step: Step) -> list[Link]:
    """The rows of the first matrix and the columns of the second."""
    rows, columns = step.attributes.get("transA", 0), 0 if step.attributes.get("transB", 0) else 1
    return [Link(0, 1 if rows else 0, 0), Link(1, columns, 1)]


def _letters(step: Step) -> list[Link]:
    operands, result = einsum_letters(step)
    if "." in result:
        return _batch_alone(step)
    return [
        Link(index, axis, result.index(letter))
        for index, letters in enumerate(operands)
        for axis, letter in enumerate(letters)
        if letter in result
    ]


def _recurrent(step: Step) -> list[Link]:
    """[steps, N, features] to [steps, directions, N, hidden], and the last step alone."""
    links = [Link(0, 0, 0, How.MIXED), Link(0, 1, 2)]
    return links + [Link(0, 1, 1, output=output) for output in range(1, len(step.outputs))]


_BLOCKS = (Link(0, 2, 2, How.OTHER), Link(0, 3, 3, How.OTHER))  # between depth and space
_BINARY = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Where", "And", "Or", "Xor", "Mod", "PRelu")
_COMPARED = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")

_LINKS: dict[str, Callable[[Step], list[Link]]] = {
    **dict.fromkeys((*_BINARY, *_COMPARED, "Expand"), _broadcast),
    **dict.fromkeys(("Cast", "CastLike", "Clip", "Dropout", "QuantizeLinear", "DequantizeLinear", "Trilu"), _along),
    "BatchNormalization": _along,
    **dict.fromkeys(("ScatterND", "ScatterElements"), _scattered),
    **dict.fromkeys(("Conv", "ConvTranspose"), _windows),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pooling),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), lambda _: _every(2)),
    **dict.fromkeys(("Resize", "Upsample", "Tile"), _resized),
    "GridSample": lambda step: [*_every(_rank(step.x), other=range(2, _rank(step.x))), Link(1, 0, 0)],
    "Pad": _padded,
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), lambda _: [Link(0, 0, 0), *_BLOCKS]),
    "Transpose": _transposed,
    **dict.fromkeys(REDUCTIONS, _reduced),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _mixing_from(-1)),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LpNormalization"), _mixing_axis),
    "InstanceNormalization": _mixing_after(2),
    **dict.fromkeys(("GroupNormalization", "LRN", "MeanVarianceNormalization"), _mixing_after(1)),
    "CumSum": _cumulated,
    **dict.fromkeys(("TopK", "GatherElements"), _except_axis),
    "MatMul": _product,
    "Gemm": _gemm,
    "Einsum": _letters,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
}
