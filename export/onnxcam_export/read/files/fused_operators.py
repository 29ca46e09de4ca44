"""Operators that ONNX Runtime's own optimisation fused, written out again as the operators of the standard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.builder import Builder

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
    op = Builder(graph, prefix="unfused")
    for node in list(graph):
        if node.domain == _DOMAIN and node.op_type in _PARTS:
            x = node.inputs[0]
            dtype = x.dtype if x is not None and x.dtype is not None else op.dtype
            _write_out(op.branch(node.outputs[0].name or "").typed(dtype), node)


def _write_out(op: Builder, node: ir.Node) -> None:
    found = _PARTS[node.op_type](op, node)
    results = found if isinstance(found, dict) else {0: found}
    old, new = [node.outputs[index] for index in results], list(results.values())
    for before, after in zip(old, new, strict=True):
        after.name, after.type, after.shape = before.name, before.type, before.shape
    ir.convenience.replace_nodes_and_values(op.graph, node, [node], op.all_nodes, old, new)


def _input(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _convolution(op: Builder, node: ir.Node) -> ir.Value:
    return _activated(op, node, _added(op, op.Conv(*node.inputs[:3], **_kept(node)), _input(node, 3)))


def _gemm(op: Builder, node: ir.Node) -> ir.Value:
    return _activated(op, node, op.Gemm(*node.inputs[:3], **_kept(node)))


def _kept(node: ir.Node) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in node.attributes.items() if name not in _OWN}


def _added(op: Builder, x: ir.Value | None, summand: ir.Value | None) -> ir.Value | None:
    return x if summand is None else op.Add(x, summand)


def _activated(op: Builder, node: ir.Node, x: ir.Value | None) -> ir.Value:
    """The value through the node's activation."""
    assert x is not None  # noqa: S101 — required by the operators
    activation = node.attributes.get_string("activation", "")
    numbers = [float(number) for number in node.attributes.get_floats("activation_params", [])]
    for name in ("activation_alpha", "activation_beta"):
        numbers += [float(node.attributes[name].value)] if name in node.attributes else []
    if not activation:
        return x
    if activation == "Clip":
        return op.Clip(x, *numbers)
    emitted: Callable[..., ir.Value] = getattr(op, activation)
    return emitted(x, **dict(zip(_PARAMETERS.get(activation, ()), numbers, strict=False)))


def _matmul(op: Builder, node: ir.Node) -> ir.Value:
    a, b = node.inputs[:2]
    if node.attributes.get_int("transBatchA", 0) or node.attributes.get_int("transBatchB", 0):
        raise SourceError(_HOW.format(node))
    if node.attributes.get_int("transA", 0):
        a = _last_axes_swapped(op, node, a)
    if node.attributes.get_int("transB", 0):
        b = _last_axes_swapped(op, node, b)
    y, alpha = op.MatMul(a, b), node.attributes.get_float("alpha", 1.0)
    return y if alpha == 1.0 else op.Mul(y, float(alpha))


def _last_axes_swapped(op: Builder, node: ir.Node, x: ir.Value | None) -> ir.Value:
    if x is None or x.shape is None:
        raise SourceError(_HOW.format(node))
    rank = len(x.shape)
    return op.Transpose(x, perm=[*range(rank - 2), rank - 1, rank - 2])


_HOW = "ONNX Runtime optimised this file ({0.op_type} node {0.name!r}); give the file from before that optimisation"


def _gelu(op: Builder, node: ir.Node) -> ir.Value:
    """``x (1 + erf(x / sqrt(2))) / 2``, of the input plus its bias."""
    x = _added(op, node.inputs[0], _input(node, 1))
    half = op.Mul(x, 0.5)
    return op.Mul(half, op.Add(op.Erf(op.Mul(x, math.sqrt(0.5))), 1.0))


def _fast_gelu(op: Builder, node: ir.Node) -> ir.Value:
    """``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``, of the input plus its bias."""
    x = _added(op, node.inputs[0], _input(node, 1))
    cube = op.Mul(op.Mul(x, op.Mul(x, x)), 0.044715)
    inner = op.Mul(op.Add(x, cube), math.sqrt(2 / math.pi))
    return op.Mul(op.Mul(x, 0.5), op.Add(op.Tanh(inner), 1.0))


def _quick_gelu(op: Builder, node: ir.Node) -> ir.Value:
    """``x sigmoid(alpha x)``."""
    alpha = node.attributes.get_float("alpha", 1.702)
    return op.Mul(node.inputs[0], op.Sigmoid(op.Mul(node.inputs[0], float(alpha))))


def _skip_layer_norm(op: Builder, node: ir.Node) -> dict[int, ir.Value]:
    """A layer norm of the sum of two values and a bias; the sum is the fourth output."""
    x, skip, gamma, beta = (_input(node, index) for index in range(4))
    total = _added(op, op.Add(x, skip), _input(node, 4))
    assert total is not None  # noqa: S101 — a sum
    epsilon = float(node.attributes.get_float("epsilon", 1e-12))
    y = op.LayerNormalization(total, gamma, beta, axis=-1, epsilon=epsilon)
    return {0: y, 3: total} if len(node.outputs) > 3 else {0: y}


_PARTS: dict[str, Callable[[Builder, ir.Node], ir.Value | dict[int, ir.Value]]] = {
    "FusedConv": _convolution,
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "SkipLayerNormalization": _skip_layer_norm,
}
