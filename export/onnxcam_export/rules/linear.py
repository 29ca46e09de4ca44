"""Linear layers: convolution, transposed convolution, matrix products."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.steps import Step, is_constant, shape_of, static_shape


@rule
def Conv(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * flip(W)``, the full correlation of dy with the kernel turned by 180 degrees.

    At stride 1 that is again a convolution, which CPUs do faster than ``ConvTranspose`` of the same arithmetic.
    """
    x, w = node.x, node.inputs[1]
    assert w is not None  # noqa: S101 — required by the operator
    kernel = static_shape(w, 2)
    strides, dilations, group, begin, end = _window(node, len(kernel))
    reach = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
    same = all(s == 1 for s in strides) and all(r >= p for r, p in zip(reach * 2, begin + end, strict=True))
    if same:
        pads = [r - p for r, p in zip(reach * 2, begin + end, strict=True)]
        turned = _turned(op.once if is_constant(w) else op, w, group)
        dx = op.Conv(dy, turned, pads=pads, dilations=dilations, group=group)
    else:
        size, size_out = static_shape(x, 2), static_shape(node.y, 2)
        covered = [s * (n - 1) + r + 1 - b - e for s, n, r, b, e in zip(strides, size_out, reach, begin, end, strict=True)]
        rest = [n - c for n, c in zip(size, covered, strict=True)]
        dx = op.ConvTranspose(
            dy, w, strides=strides, pads=begin + end, dilations=dilations, group=group, output_padding=rest
        )
    return [dx, *[None] * (len(node.inputs) - 1)]


@rule
def ConvTranspose(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * W``, the convolution that the operator is the transpose of."""
    w = node.inputs[1]
    assert w is not None  # noqa: S101 — required by the operator
    strides, dilations, group, begin, end = _window(node, len(static_shape(w, 2)))
    dx = op.Conv(dy, w, strides=strides, dilations=dilations, group=group, pads=begin + end)
    return [dx, *[None] * (len(node.inputs) - 1)]


@rule
def Gemm(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dA = alpha dY B^T, dB = alpha A^T dY`` for ``Y = alpha A B + beta C``."""
    a, b = node.inputs[:2]
    alpha = node.attributes.get("alpha", 1.0)
    trans_a, trans_b = node.attributes.get("transA", 0), node.attributes.get("transB", 0)
    if trans_a:
        da = op.Gemm(b, dy, alpha=alpha, transA=trans_b, transB=1)
    else:
        da = op.Gemm(dy, b, alpha=alpha, transB=1 - trans_b)
    if trans_b:
        db = op.Gemm(dy, a, alpha=alpha, transA=1, transB=trans_a)
    else:
        db = op.Gemm(a, dy, alpha=alpha, transA=1 - trans_a)
    return [da, db, *[None] * (len(node.inputs) - 2)]


@rule
def MatMul(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dA = dY B^T, dB = A^T dY``, over the leading axes that the two share."""
    a, b = node.inputs
    assert a is not None  # noqa: S101 — required by the operator
    assert b is not None  # noqa: S101 — required by the operator
    da = op.MatMul(dy, _transposed(op.once if is_constant(b) else op, b))
    db = None if is_constant(b) else op.MatMul(_transposed(op.once if is_constant(a) else op, a), dy)
    return [None if is_constant(a) else da, db]


def _window(node: Step, rank: int) -> tuple[list[int], list[int], int, list[int], list[int]]:
    """Strides, dilations, group, and the padding before and behind each spatial axis."""
    strides = list(node.attributes.get("strides", [1] * rank))
    dilations = list(node.attributes.get("dilations", [1] * rank))
    pads = list(node.attributes.get("pads", [0] * (2 * rank)))
    return strides, dilations, node.attributes.get("group", 1), pads[:rank], pads[rank:]


def _turned(op: Builder, w: ir.Value, group: int) -> ir.Value:
    """[O, I/g, *k] as [I, O/g, *k], each kernel turned by 180 degrees."""
    outputs, inputs, *kernel = static_shape(w, 0)
    axes = list(range(2, 2 + len(kernel)))
    turned = w
    if group > 1:
        turned = op.Reshape(turned, [group, outputs // group, inputs, *kernel])
        turned = op.Transpose(turned, perm=[0, 2, 1, *[axis + 1 for axis in axes]])
        turned = op.Reshape(turned, [group * inputs, outputs // group, *kernel])
    else:
        turned = op.Transpose(turned, perm=[1, 0, *axes])
    flips = [axis for axis, size in zip(axes, kernel, strict=True) if size > 1]
    if flips:
        count = len(flips)
        turned = op.Slice(turned, [-1] * count, [-(2**31)] * count, flips, [-1] * count)
    return turned


def _transposed(op: Builder, matrix: ir.Value) -> ir.Value:
    """The last two axes exchanged."""
    rank = len(shape_of(matrix))
    result: ir.Value = op.Transpose(matrix, perm=[*range(rank - 2), rank - 1, rank - 2])
    return result
