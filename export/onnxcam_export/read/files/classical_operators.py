"""Operators of scikit-learn's files (domain ai.onnx.ml) that are linear, written as operators of the standard.

A network whose features go into a logistic regression or a linear support vector machine ends like this. The label
stays as it is, since nothing is differentiated through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.graph.builder import Builder

if TYPE_CHECKING:
    from collections.abc import Callable

_DOMAIN = "ai.onnx.ml"


def write_plainly(graph: ir.Graph) -> None:
    """Replaces the operators by their parts, in place; those of an unusual form stay."""
    op = Builder(graph, prefix="written_out")
    for node in list(graph):
        if node.domain == _DOMAIN and node.op_type in _PARTS:
            branch = op.branch(node.outputs[0].name or "")
            new = _PARTS[node.op_type](branch, node)
            if new is not None:
                _replace(graph, node, branch, new)


def _replace(graph: ir.Graph, node: ir.Node, op: Builder, new: ir.Value) -> None:
    """Puts the value in the place of the node's last output; the node stays for its label, if it has one."""
    old = node.outputs[-1]
    name, new.type, new.shape = old.name, ir.TensorType(ir.DataType.FLOAT), old.shape
    leaving = [node] if len(node.outputs) == 1 else []
    ir.convenience.replace_nodes_and_values(graph, node, leaving, op.all_nodes, [old], [new])
    old.name, new.name = f"{name}/written_out", name


def _scaled(op: Builder, node: ir.Node) -> ir.Value | None:
    """``(x - offset) scale``."""
    offset, scale = (_floats(node, name) for name in ("offset", "scale"))
    return op.Mul(op.Sub(_as_float(op, node), offset), scale)


def _classified(op: Builder, node: ir.Node) -> ir.Value | None:
    """``x W^T + b``, and a softmax or a sigmoid of it; None of a single row of weights for two classes."""
    labels = [*_attribute(node, "classlabels_ints"), *_attribute(node, "classlabels_strings")]
    transform = str(node.attributes.get_string("post_transform", "NONE"))
    weights, count = _floats(node, "coefficients"), len(labels)
    intercepts = _floats(node, "intercepts") if "intercepts" in node.attributes else np.zeros(count, np.float32)
    if count < 2 or len(intercepts) != count or transform not in {"NONE", "SOFTMAX", "LOGISTIC"}:
        return None
    y = op.Add(op.MatMul(_as_float(op, node), weights.reshape(count, -1).T.copy()), intercepts)
    if transform == "NONE":
        return y
    return op.Softmax(y, axis=1) if transform == "SOFTMAX" else op.Sigmoid(y)


def _normalised(op: Builder, node: ir.Node) -> ir.Value | None:
    """``x / |x|``; None of the norm MAX. The sum of a softmax is one already."""
    x, norm = _as_float(op, node), str(node.attributes.get_string("norm", "MAX"))
    producer = x.producer()
    if norm == "L1" and producer is not None and producer.op_type == "Softmax":
        return op.Identity(x)
    if norm == "MAX":
        return None
    return op.Div(x, op.ReduceL1(x, [1], keepdims=1) if norm == "L1" else op.ReduceL2(x, [1], keepdims=1))


def _as_float(op: Builder, node: ir.Node) -> ir.Value:
    x = node.inputs[0]
    assert x is not None  # noqa: S101 — required by the operators
    return x if x.dtype in {None, ir.DataType.FLOAT} else op.Cast(x, to=int(ir.DataType.FLOAT))


def _floats(node: ir.Node, name: str) -> np.ndarray:
    return np.asarray(_attribute(node, name), np.float32)


def _attribute(node: ir.Node, name: str) -> list[float] | list[str]:
    return list(node.attributes[name].value) if name in node.attributes else []


_PARTS: dict[str, Callable[[Builder, ir.Node], ir.Value | None]] = {
    "Scaler": _scaled,
    "LinearClassifier": _classified,
    "Normalizer": _normalised,
}
