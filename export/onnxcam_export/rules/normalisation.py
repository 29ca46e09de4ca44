"""Normalisation, in inference: batch statistics are constants, all others depend on the input."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.steps import Step, shape_of


@rule
def BatchNormalization(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * scale / sqrt(var + epsilon)``, one factor for each channel."""
    _, scale, _, _, var = node.inputs
    factor = op.once.Div(scale, op.once.Sqrt(op.once.Add(var, float(node.attributes.get("epsilon", 1e-5)))))
    factor = op.once.Reshape(factor, [-1, *[1] * (len(shape_of(node.x)) - 2)])
    return [op.Mul(dy, factor), None, None, None, None]


@rule
def LayerNormalization(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = r (g - mean(g) - z mean(g z))``, z the normalised input, ``r = 1/std``, ``g = dy * scale``."""
    rank = len(shape_of(node.x))
    axes = list(range(int(node.attributes.get("axis", -1)) % rank, rank))
    centred = op.Sub(node.x, op.ReduceMean(node.x, axes))
    variance = op.ReduceMean(op.Mul(centred, centred), axes)
    r = op.Reciprocal(op.Sqrt(op.Add(variance, float(node.attributes.get("epsilon", 1e-5)))))
    z = op.Mul(centred, r)
    g = op.Mul(dy, node.inputs[1])
    projection = op.Mul(z, op.ReduceMean(op.Mul(g, z), axes))
    dx = op.Mul(r, op.Sub(op.Sub(g, op.ReduceMean(g, axes)), projection))
    return [dx, *[None] * (len(node.inputs) - 1)]
