"""Emits ONNX nodes, the operator as the method: ``op.ConvTranspose(dy, w, strides=[2, 2])``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.graph.folding import fold

Input = ir.Value | npt.NDArray[Any] | float | Sequence[int] | None


class Builder:
    """A list of new nodes, and the constants they need.

    Inputs may be values, None, or constants: NumPy arrays, a Python float (a scalar of the gradient's type), an int or
    a sequence of ints (int64). Equal constants are stored once, as initializers of the main graph.
    """

    def __init__(
        self,
        graph: ir.Graph,
        dtype: ir.DataType = ir.DataType.FLOAT,
        prefix: str = "onnxcam",
        *,
        shared: bool = False,
    ) -> None:
        """Starts an empty list of nodes.

        Args:
            graph: The main graph; constants go there.
            dtype: The type of the gradients.
            prefix: What the names of new values begin with.
            shared: Whether an expression that was emitted before is reused.
        """
        self.graph = graph
        self.dtype = dtype
        self.prefix = prefix
        self.nodes: list[ir.Node] = []
        self.results: dict[str, ir.Value] = {}
        self._once: Builder | None = None
        self._memo: dict[Any, Any] | None = {} if shared else None

    @property
    def once(self) -> Builder:
        """Emits what depends on initializers alone, each expression once, in front of the other nodes.

        What is small is computed here (``onnxcam_export.graph.folding``), the rest by ONNX Runtime at load. It
        has to stand in the graph that uses it: ONNX Runtime's blocked convolutions take weights from their own graph
        only, not from the one around it.
        """
        if self._once is None:
            self._once = Builder(self.graph, self.dtype, f"{self.prefix}/once", shared=True)
        return self._once

    def branch(self, name: str) -> Builder:
        """An empty builder for a subgraph, with names of its own; it sees the results so far."""
        branch = Builder(self.graph, self.dtype, f"{self.prefix}/{name}")
        branch.results = self.results
        return branch

    @property
    def all_nodes(self) -> list[ir.Node]:
        """Everything emitted, in an order in which it can run."""
        return [*self.once.nodes, *self.nodes]

    def typed(self, dtype: ir.DataType) -> Builder:
        """The same list of nodes, with constants of another type: models mix float16 and float32."""
        if dtype == self.dtype:
            return self
        typed = copy.copy(self)
        typed.dtype = dtype
        if self._memo is None:
            typed._once = self.once.typed(dtype)  # noqa: SLF001 — of its own class
        return typed

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        """The emitter of an operator; it returns the output, or a list where ``outputs`` is not 1."""
        if not op_type[:1].isupper():
            raise AttributeError(op_type)

        def emit(*inputs: Input, outputs: int = 1, **attributes: Any) -> ir.Value | list[ir.Value]:
            return self._emit(op_type, [self.value(item) for item in inputs], outputs, attributes)

        return emit

    def _emit(
        self, op_type: str, inputs: Sequence[ir.Value | None], outputs: int, attributes: dict[str, Any]
    ) -> ir.Value | list[ir.Value]:
        key = (op_type, tuple(map(id, inputs)), outputs, repr(sorted(attributes.items())))
        if self._memo is not None:
            if key in self._memo:
                found: ir.Value | list[ir.Value] = self._memo[key]
                return found
            known = fold(op_type, inputs, attributes) if outputs == 1 else None
            if known is not None:
                constant = self.constant(known)
                self._memo[key] = constant
                return constant
        node = ir.node(op_type, inputs, attributes, num_outputs=outputs)
        node.name = f"{self.prefix}/{op_type}_{len(self.nodes)}"
        for index, value in enumerate(node.outputs):
            value.name = node.name if outputs == 1 else f"{node.name}.{index}"
        self.nodes.append(node)
        result = node.outputs[0] if outputs == 1 else list(node.outputs)
        if self._memo is not None:
            self._memo[key] = result
        return result

    def value(self, item: Input) -> ir.Value | None:
        """The item as a value: constants become initializers."""
        if item is None or isinstance(item, ir.Value):
            return item
        if isinstance(item, float):
            return self.constant(np.asarray(item, self.dtype.numpy()))
        if isinstance(item, np.ndarray | np.generic):
            return self.constant(np.asarray(item))
        return self.constant(np.asarray(item, np.int64))

    def constant(self, array: npt.NDArray[Any]) -> ir.Value:
        """An initializer of the main graph with this value; the same one for equal values."""
        constants: dict[Any, ir.Value] = self.graph.meta.setdefault("onnxcam.constants", {})
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in constants:
            name = f"onnxcam/constant_{len(constants)}"
            value = ir.val(name, const_value=ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name))
            self.graph.register_initializer(value)
            constants[key] = value
        return constants[key]

    # Expressions that several rules share.

    def total(self, values: Sequence[ir.Value]) -> ir.Value:
        """The sum of one or more values of one shape."""
        result = values[0]
        for value in values[1:]:
            result = self.Add(result, value)
        return result

    def positive(self, x: ir.Value) -> ir.Value:
        """``[x > 0]`` as 0 and 1.  ``Mul`` with it is several times faster on CPUs than ``Where``."""
        return self.above(x, 0.0)

    def above(self, x: ir.Value, bound: ir.Value | float) -> ir.Value:
        """``[x > bound]`` as 0 and 1, in one pass over memory: a hard sigmoid of the steepest slope there is.

        On CPUs that and a ``Mul`` take a quarter of the time of ``Sign``, and less than ``Greater``, ``Cast`` and
        ``Where``. Exact but for differences below the smallest normal number.
        """
        steepest = float(np.finfo(self.dtype.numpy()).max)
        difference = x if isinstance(bound, float) and bound == 0.0 else self.Sub(x, bound)
        result: ir.Value = self.HardSigmoid(difference, alpha=steepest, beta=0.0)
        return result

    def padded(self, x: ir.Value, rank: int, around: Mapping[int, tuple[int, int]]) -> ir.Value:
        """``x`` with zeros before and behind it along some axes; less than none of them cuts off.

        The pads are those of all axes: ONNX Runtime (1.31) moves a Transpose past a Pad as if it had no ``axes``.
        """
        before, behind = ([around.get(axis, (0, 0))[side] for axis in range(rank)] for side in (0, 1))
        result: ir.Value = self.Pad(x, [*before, *behind])
        return result

    def reshape_rows(self, dy: ir.Value, shape: Sequence[int]) -> ir.Value:
        """``dy`` with rows of this shape, however many rows there are.

        The gradient has M rows where the forward pass has N, so its batch is never written out.
        """
        result: ir.Value = self.Reshape(dy, [-1, *shape])
        return result

    def one_hot(self, index: ir.Value, size: int) -> ir.Value:
        """Ones at the index along a new last axis of that size, zeros elsewhere."""
        result: ir.Value = self.OneHot(index, size, np.asarray([0, 1], self.dtype.numpy()), axis=-1)
        return result
