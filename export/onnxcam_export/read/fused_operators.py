"""Operators that ONNX Runtime's own optimisation fused, written out again as the operators of the standard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.constants import constant

if TYPE_CHECKING:
    from collections.abc import Callable

_DOMAIN, _BLOCKED = "com.microsoft", "com.microsoft.nchwc"
# The names of an activation's numbers, in the order in which they stand in ``activation_params``.
_PARAMETERS = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max")}
_OWN = {"activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma"}


def unfuse(graph: ir.Graph) -> None:
    """Replaces fused operators by their parts, in place.

    Raises:
        SourceError: The file is laid out for one processor.
    """
    if any(node.domain == _BLOCKED for node in graph):
        raise SourceError(
            "ONNX Runtime optimised this file for one kind of processor (operators of com.microsoft.nchwc), which is "
            "not supported; give the file from before that optimisation"
        )
    for node in list(graph):
        if node.domain == _DOMAIN and node.op_type in _PARTS:
            parts = _Parts(graph, node)
            results = _PARTS[node.op_type](parts, node)
            parts.replace(results if isinstance(results, dict) else {0: results})


class _Parts:
    """The nodes that a fused one is written out as."""

    def __init__(self, graph: ir.Graph, node: ir.Node) -> None:
        """Starts without any."""
        self._graph = graph
        self._node = node
        self._nodes: list[ir.Node] = []
        self._constants = 0

    def emit(self, op_type: str, *inputs: ir.Value | float | None, **attributes: Any) -> ir.Value:
        """The output of a new node; numbers become constants."""
        values = [self._number(x) if isinstance(x, float) else x for x in inputs]
        name = f"{self._node.outputs[0].name}/part_{len(self._nodes)}"
        part = ir.node(op_type, values, attributes, name=name)
        part.outputs[0].name = name
        self._nodes.append(part)
        return part.outputs[0]

    def replace(self, results: dict[int, ir.Value]) -> None:
        """Puts the new nodes in the fused one's place.

        Args:
            results: What its outputs are now, by their indices.
        """
        old, new = [self._node.outputs[index] for index in results], list(results.values())
        for before, after in zip(old, new, strict=True):
            after.name, after.type, after.shape = before.name, before.type, before.shape
        ir.convenience.replace_nodes_and_values(self._graph, self._node, [self._node], self._nodes, old, new)

    def _number(self, number: float) -> ir.Value:
        x = self._node.inputs[0]
        dtype = x.dtype if x is not None and x.dtype is not None else ir.DataType.FLOAT
        name = f"{self._node.outputs[0].name}/constant_{self._constants}"
        self._constants += 1
        return constant(self._graph, name, np.asarray(number, dtype.numpy()))


def _input(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _convolution(op: _Parts, node: ir.Node) -> ir.Value:
    return _activated(op, node, _added(op, op.emit("Conv", *node.inputs[:3], **_kept(node)), _input(node, 3)))


def _gemm(op: _Parts, node: ir.Node) -> ir.Value:
    return _activated(op, node, op.emit("Gemm", *node.inputs[:3], **_kept(node)))


def _kept(node: ir.Node) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in node.attributes.items() if name not in _OWN}


def _added(op: _Parts, x: ir.Value | None, summand: ir.Value | None) -> ir.Value | None:
    return x if summand is None else op.emit("Add", x, summand)


def _activated(op: _Parts, node: ir.Node, x: ir.Value | None) -> ir.Value:
    """The value through the node's activation."""
    assert x is not None  # noqa: S101 — required by the operators
    activation = node.attributes.get_string("activation", "")
    numbers = [float(number) for number in node.attributes.get_floats("activation_params", [])]
    for name in ("activation_alpha", "activation_beta"):
        numbers += [float(node.attributes[name].value)] if name in node.attributes else []
    if not activation:
        return x
    if activation == "Clip":
        return op.emit("Clip", x, *numbers)
    return op.emit(activation, x, **dict(zip(_PARAMETERS.get(activation, ()), numbers, strict=False)))


def _matmul(op: _Parts, node: ir.Node) -> ir.Value:
    a, b = node.inputs[:2]
    if node.attributes.get_int("transBatchA", 0) or node.attributes.get_int("transBatchB", 0):
        raise SourceError(_HOW.format(node))
    if node.attributes.get_int("transA", 0):
        a = _last_axes_swapped(op, node, a)
    if node.attributes.get_int("transB", 0):
        b = _last_axes_swapped(op, node, b)
    y, alpha = op.emit("MatMul", a, b), node.attributes.get_float("alpha", 1.0)
    return y if alpha == 1.0 else op.emit("Mul", y, float(alpha))


def _last_axes_swapped(op: _Parts, node: ir.Node, x: ir.Value | None) -> ir.Value:
    if x is None or x.shape is None:
        raise SourceError(_HOW.format(node))
    rank = len(x.shape)
    return op.emit("Transpose", x, perm=[*range(rank - 2), rank - 1, rank - 2])


_HOW = "ONNX Runtime optimised this file ({0.op_type} node {0.name!r}); give the file from before that optimisation"


def _gelu(op: _Parts, node: ir.Node) -> ir.Value:
    """``x (1 + erf(x / sqrt(2))) / 2``, of the input plus its bias."""
    x = _added(op, node.inputs[0], _input(node, 1))
    half = op.emit("Mul", x, 0.5)
    return op.emit("Mul", half, op.emit("Add", op.emit("Erf", op.emit("Mul", x, math.sqrt(0.5))), 1.0))


def _fast_gelu(op: _Parts, node: ir.Node) -> ir.Value:
    """``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``, of the input plus its bias."""
    x = _added(op, node.inputs[0], _input(node, 1))
    cube = op.emit("Mul", op.emit("Mul", x, op.emit("Mul", x, x)), 0.044715)
    inner = op.emit("Mul", op.emit("Add", x, cube), math.sqrt(2 / math.pi))
    return op.emit("Mul", op.emit("Mul", x, 0.5), op.emit("Add", op.emit("Tanh", inner), 1.0))


def _quick_gelu(op: _Parts, node: ir.Node) -> ir.Value:
    """``x sigmoid(alpha x)``."""
    alpha = node.attributes.get_float("alpha", 1.702)
    return op.emit("Mul", node.inputs[0], op.emit("Sigmoid", op.emit("Mul", node.inputs[0], float(alpha))))


def _skip_layer_norm(op: _Parts, node: ir.Node) -> dict[int, ir.Value]:
    """A layer norm of the sum of two values and a bias; the sum is the fourth output."""
    x, skip, gamma, beta = (_input(node, index) for index in range(4))
    total = _added(op, op.emit("Add", x, skip), _input(node, 4))
    assert total is not None  # noqa: S101 — a sum
    epsilon = float(node.attributes.get_float("epsilon", 1e-12))
    y = op.emit("LayerNormalization", total, gamma, beta, axis=-1, epsilon=epsilon)
    return {0: y, 3: total} if len(node.outputs) > 3 else {0: y}


_PARTS: dict[str, Callable[[_Parts, ir.Node], ir.Value | dict[int, ir.Value]]] = {
    "FusedConv": _convolution,
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "SkipLayerNormalization": _skip_layer_norm,
}
