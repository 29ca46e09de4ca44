"""Pooling: windows, and whole maps."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import math

import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.separable import apply_transposed, axis_matrices
from onnxcam_export.steps import Step, static_shape


@rule
def MaxPool(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx[i] = sum of the dy whose window's first maximum is i``.

    The indices are computed here and not in the forward pass: a MaxPool that returns them is many times slower.
    """
    size, size_out = static_shape(node.x), static_shape(node.y)
    channels, area, area_out = size[0], math.prod(size[1:]), math.prod(size_out[1:])
    attributes = {name: value for name, value in node.attributes.items() if name != "storage_order"}
    _, index = op.MaxPool(node.x, outputs=2, **attributes)
    # ONNX counts the indices through the whole batch; here they are wanted within each channel's map.
    index = op.Mod(op.Reshape(index, [-1, channels, area_out]), area)
    dy = op.Reshape(dy, [-1, channels, area_out])
    rows = op.Shape(dy)
    zeros = op.Expand(0.0, op.Concat(op.Slice(rows, [0], [2]), [area], axis=0))
    dx = op.ScatterElements(zeros, op.Expand(index, rows), dy, axis=2, reduction="add")
    return [op.reshape_rows(dx, size)]


@rule
def AveragePool(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dX = A^T dY`` along each spatial axis, A the matrix that averages over the windows of one axis."""
    return [apply_transposed(op, dy, axis_matrices(node), static_shape(node.x))]


@rule
def GlobalAveragePool(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (h w)`` everywhere."""
    size = static_shape(node.x)
    return [op.Expand(op.Mul(dy, 1 / math.prod(size[1:])), [1, *size])]


@rule
def GlobalMaxPool(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` at the first maximum of each map."""
    size = static_shape(node.x)
    flat = op.Reshape(node.x, [0, 0, -1])
    first = op.ArgMax(flat, axis=2, keepdims=0)
    here = op.one_hot(first, math.prod(size[1:]))
    return [op.reshape_rows(op.Mul(here, op.Reshape(dy, [-1, size[0], 1])), size)]
