"""Emits ONNX nodes, with the operator as the method: ``op.ConvTranspose(dy, w, strides=[2, 2])``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.graph.optimisations import ALL, Optimisation
from onnxcam_export.graph.steps import is_constant

# Each is an output of its own, and no value can be two outputs of a graph.
_NEVER_SHARED = {"ConstantOfShape"}

Input = ir.Value | npt.NDArray[Any] | float | Sequence[int] | None


class Builder:
    """A list of new nodes, and the constants that they read.

    Inputs may be values, None, or constants: NumPy arrays, a Python float (a scalar of the gradient's type), an int or
    a sequence of ints (int64). Equal constants are stored once, as initializers of the main graph.

    A node that depends on constants only is emitted once, before all others, and ONNX Runtime computes it when it loads
    the model. It is in the graph that reads it, because ONNX Runtime's blocked convolutions take weights from their own
    graph only, and not from an outer one.

    Attributes:
        graph: The main graph, which gets the constants.
        dtype: The type of the gradients.
        prefix: The prefix of every new value's name.
        optimisations: The optimisations that rules may use.
        derived: The nodes that depend on constants only.
        nodes: All other nodes, in topological order.
    """

    def __init__(
        self,
        graph: ir.Graph,
        dtype: ir.DataType = ir.DataType.FLOAT,
        prefix: str = "onnxcam",
        optimisations: frozenset[Optimisation] = ALL,
    ) -> None:
        """Starts an empty list of nodes."""
        self.graph = graph
        self.dtype = dtype
        self.prefix = prefix
        self.optimisations = optimisations
        self.derived: list[ir.Node] = []
        self.nodes: list[ir.Node] = []
        self._constants: dict[Any, ir.Value] = {}
        self._expressions: dict[Any, Sequence[ir.Value]] = {}  # outputs of derived nodes, each of which is emitted once
        self._derived_bytes: dict[ir.Value, int] = {}

    def branch(self, name: str = "") -> Builder:
        """An empty builder for a subgraph, whose constants are shared with this one; ``name`` extends the prefix."""
        prefix = f"{self.prefix}/{name}" if name else self.prefix
        branch = Builder(self.graph, self.dtype, prefix, self.optimisations)
        branch._constants = self._constants
        return branch

    def typed(self, dtype: ir.DataType) -> Builder:
        """This builder with another type of constants, since models mix float16 and float32; the nodes are shared."""
        typed = copy.copy(self)
        typed.dtype = dtype
        return typed

    @property
    def all_nodes(self) -> list[ir.Node]:
        """All emitted nodes, in topological order."""
        return [*self.derived, *self.nodes]

    def __getattr__(self, op_type: str) -> Callable[..., ir.Value]:
        """A function that emits an operator with one output and returns the output."""
        if not op_type[:1].isupper():
            raise AttributeError(op_type)
        return lambda *inputs, **attributes: self._emit(op_type, inputs, 1, attributes)[0]

    def outputs(self, count: int) -> Outputs:
        """Emits operators with several outputs: ``first, second = op.outputs(2).TopK(x, k)``."""
        return Outputs(lambda op_type, inputs, attributes: self._emit(op_type, inputs, count, attributes))

    def _emit(self, op_type: str, items: Sequence[Input], count: int, attributes: dict[str, Any]) -> list[ir.Value]:
        inputs = [self.value(item) for item in items]
        sizes = [self.constant_bytes(value) for value in inputs if value is not None]
        if not sizes or None in sizes or op_type in _NEVER_SHARED:
            return self._append(self.nodes, op_type, inputs, count, attributes)
        key = (op_type, tuple(map(id, inputs)), count, repr(sorted(attributes.items())))
        if key not in self._expressions:
            values = self._append(self.derived, op_type, inputs, count, attributes)
            self._expressions[key] = values
            self._derived_bytes |= dict.fromkeys(values, max(size or 0 for size in sizes))
        return list(self._expressions[key])

    def _append(
        self,
        nodes: list[ir.Node],
        op_type: str,
        inputs: Sequence[ir.Value | None],
        count: int,
        attributes: dict[str, Any],
    ) -> list[ir.Value]:
        node = ir.node(op_type, inputs, attributes, num_outputs=count)
        part = "derived/" if nodes is self.derived else ""
        node.name = f"{self.prefix}/{part}{op_type}_{len(nodes)}"
        for index, value in enumerate(node.outputs):
            value.name = node.name if count == 1 else f"{node.name}.{index}"
        nodes.append(node)
        return list(node.outputs)

    def value(self, item: Input) -> ir.Value | None:
        """The item as a value; constants become initializers."""
        if item is None or isinstance(item, ir.Value):
            return item
        if isinstance(item, float):
            return self.constant(np.asarray(item, self.dtype.numpy()))
        if isinstance(item, np.ndarray | np.generic):
            return self.constant(np.asarray(item))
        return self.constant(np.asarray(item, np.int64))

    def constant(self, array: npt.NDArray[Any]) -> ir.Value:
        """An initializer of the main graph with this value; equal values share one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self.prefix.partition('/')[0]}/constant_{len(self._constants)}"
            value = ir.val(name, const_value=ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name))
            self.graph.register_initializer(value)
            self._constants[key] = value
        return self._constants[key]

    def constant_bytes(self, value: ir.Value) -> int | None:
        """The size of a constant, or of the largest constant that a value is derived from; None for other values."""
        if value in self._derived_bytes:
            return self._derived_bytes[value]
        return value.const_value.nbytes if is_constant(value) and value.const_value is not None else None


class Outputs:
    """Emits operators with several outputs, through a builder."""

    def __init__(self, emit: Callable[[str, Sequence[Input], dict[str, Any]], list[ir.Value]]) -> None:
        """Emits through ``emit(op_type, inputs, attributes)``."""
        self._emit = emit

    def __getattr__(self, op_type: str) -> Callable[..., list[ir.Value]]:
        """A function that emits an operator and returns the list of its outputs."""
        return lambda *inputs, **attributes: self._emit(op_type, inputs, attributes)
