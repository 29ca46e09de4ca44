"""The forward pass as a list of steps, one operator each, for the differentiation.

A step is a node of the graph, or several nodes that together are one activation
(``onnxcam_export.analyse.activations``). Making steps does not change the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.errors import LATER_LAYER, ShapeError
from onnxcam_export.graph.detached import DETACH, is_detached

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


FLOATS = {ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE}
_QUANTISED = {
    *(ir.DataType.INT4, ir.DataType.UINT4, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16),
    *(ir.DataType.FLOAT8E4M3FN, ir.DataType.FLOAT8E5M2),
}
_DIFFERENTIABLE = FLOATS | _QUANTISED

# Operators whose outputs are booleans, indices or drawn at random, known as such also where types have not been
# inferred, or whose outputs depend on their input's shape alone.
WITHOUT_GRADIENT = {
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsInf", "IsNaN", "And", "Not", "Or", "Xor"),
    *("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "ArgMax", "ArgMin", "NonZero", "Shape", "Size"),
    *("ConstantOfShape", "EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli", DETACH),
}

_KINDS = ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")
REDUCTIONS = frozenset(f"Reduce{kind}" for kind in _KINDS)


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One operator of the forward pass.

    Attributes:
        op_type: The operator's name; ``domain::name`` outside the default domain.
        inputs: The values that it reads; None for an optional input that is left out.
        outputs: The values that it writes.
        attributes: Its attributes, as Python values.
        name: The node's name, for messages.
    """

    op_type: str
    inputs: tuple[ir.Value | None, ...]
    outputs: tuple[ir.Value, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def of(cls, node: ir.Node) -> Step:
        """The step of a single node."""
        named = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        return cls(
            op_type=DETACH if is_detached(node) else named,
            inputs=tuple(node.inputs),
            outputs=tuple(node.outputs),
            attributes={name: attribute.value for name, attribute in node.attributes.items()},
            name=node.name or "",
        )

    @property
    def x(self) -> ir.Value:
        """The first input."""
        value = self.inputs[0]
        assert value is not None  # noqa: S101 — no operator with a rule has an optional first input
        return value

    @property
    def y(self) -> ir.Value:
        """The first output."""
        return self.outputs[0]

    def input(self, index: int) -> ir.Value | None:
        """The input at ``index``, or None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int) -> npt.NDArray[Any] | None:
        """The value of the constant input at ``index``, or None if it is left out.

        Raises:
            ShapeError: The input is computed by the graph.
        """
        value = self.input(index)
        if value is None:
            return None
        tensor = ir.convenience.get_const_tensor(value)
        if tensor is None:
            raise ShapeError(
                f"{self} computes its input {index} ({value.name!r}) in the graph, and its gradient needs it constant, "
                f"so this is not supported; make it a constant of the model, or {LATER_LAYER}"
            )
        return np.asarray(tensor.numpy())

    def __str__(self) -> str:
        """The operator, the node, its inputs and its outputs, for messages."""
        inputs = ", ".join(value.name or "?" for value in self.inputs if value is not None)
        outputs = ", ".join(value.name or "?" for value in self.outputs)
        return f"{self.op_type} node {self.name!r} ({inputs} -> {outputs})"


def is_constant(value: ir.Value | None) -> bool:
    """Whether the value is known at export: an initializer that no caller can override, or a constant."""
    return value is not None and ir.convenience.get_const_tensor(value) is not None and not value.is_graph_input()


def shape_text(value: ir.Value) -> str:
    """The value's shape for messages, e.g. ``[batch, 3, 224, 224]``."""
    dims = [str(dim if isinstance(dim, int) else dim.value or "?") for dim in value.shape or ()]
    return f"[{', '.join(dims)}]"


def shape_of(value: ir.Value) -> tuple[int | None, ...]:
    """The value's shape, None for each dimension that is known only at run time (the batch).

    Raises:
        ShapeError: Not even the rank is known.
    """
    if value.shape is None:
        raise ShapeError(
            f"the shape of {value.name!r} could not be inferred, and its gradient needs it; {_unknown_from(value)}"
        )
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def static_shape(value: ir.Value, start: int = 1) -> tuple[int, ...]:
    """The value's shape from axis ``start`` on; all of it must be known.

    Raises:
        ShapeError: One of these dimensions is known only at run time.
    """
    shape = shape_of(value)[start:]
    if any(dim is None for dim in shape):
        raise ShapeError(
            f"{value.name!r} has the shape {shape_text(value)}, and all but its batch must be fixed at export; "
            f"{_unknown_from(value)}"
        )
    return tuple(dim for dim in shape if dim is not None)


def size_of(value: ir.Value, axis: int) -> int:
    """The value's size along one axis, which must be known.

    Raises:
        ShapeError: It is known only at run time.
    """
    size = shape_of(value)[axis]
    if size is None:
        raise ShapeError(
            f"{value.name!r} has the shape {shape_text(value)}, and its size along axis {axis} must be fixed at "
            f"export; {_unknown_from(value)}"
        )
    return size


def _unknown_from(value: ir.Value) -> str:
    """Where a size becomes unknown on the way to a value, and what to do; the image's own sizes are known by then."""
    while (node := value.producer()) is not None:
        before = next((x for x in node.inputs if x is not None and not _is_fixed(x)), None)
        if before is None and node.domain:
            return f"{Step.of(node)} is not supported: write it with operators of the ONNX standard"
        if before is None:
            return (
                f"the first whose size is unknown, or that has the batch on a later axis, is {Step.of(node)}: write it "
                "with operators whose sizes ONNX infers"
            )
        value = before
    return f"that comes from the input {value.name!r} {shape_text(value)}, so fix its sizes in the file"


def _is_fixed(value: ir.Value) -> bool:
    """Whether all sizes but the batch are known, of what is no constant."""
    if value.const_value is not None:
        return True
    return value.shape is not None and all(isinstance(size, int) for size in list(value.shape)[1:])


def reduced_axes(step: Step) -> list[int]:
    """The axes of a reduction, counted from the front: an input since opset 18 (ReduceSum: 13), an attribute before."""
    rank = len(shape_of(step.x))
    axes = step.attributes.get("axes")
    if axes is None:
        constant = step.constant(1)
        axes = [] if constant is None else constant.ravel().tolist()
    if not len(axes) and not step.attributes.get("noop_with_empty_axes", 0):
        axes = range(rank)
    return sorted(int(axis) % rank for axis in axes)


def values_between(steps: Sequence[Step], score: ir.Value, sources: Collection[ir.Value]) -> set[ir.Value]:
    """The values on a path from a source to the score, both ends included.

    They are floating-point values, or quantised tensors that represent such values; so is all else on the path.
    """
    after = set(sources)
    for step in steps:
        if after.intersection(step.inputs) and step.op_type not in WITHOUT_GRADIENT:
            after.update(y for y in step.outputs if _is_differentiable(y))
    before = {score}
    for step in reversed(steps):
        if before.intersection(step.outputs) and step.op_type not in WITHOUT_GRADIENT:
            before.update(x for x in step.inputs if x is not None and _is_differentiable(x))
    return after & before


def _is_differentiable(value: ir.Value) -> bool:
    return value.dtype is None or value.dtype in _DIFFERENTIABLE
