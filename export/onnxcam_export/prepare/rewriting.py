"""The rewriting of the forward pass: onnxscript's rules, and exact ones for operators that change nothing.

onnxscript's own take a constant of up to 1e-8 for zero, and one that differs from one by up to 1e-5 for one. But
``x + 1e-10`` before a logarithm, or ``range + 1e-9`` under a fraction, keeps a model finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxscript.rewriter
from onnxscript.rewriter.pattern import Constant, RewriteRule, RewriteRuleSet
from onnxscript.rewriter.rules import common

if TYPE_CHECKING:
    import onnx_ir as ir


def rewrite(model: ir.Model) -> None:
    """Applies all rules, in place."""
    onnxscript.rewriter.rewrite(model, _RULES)


def _no_op(operator: str, number: float) -> RewriteRule:
    """Takes out an operator whose second input is exactly this number."""
    return RewriteRule(
        lambda op, x: getattr(op, operator)(x, Constant(number, rel_tol=0, abs_tol=0)),
        lambda op, x: op.Identity(x),
        name=f"{operator} {number:g}",
    )


_NO_OPS: list[RewriteRule] = [
    *_no_op("Add", 0).commute(),
    *_no_op("Mul", 1).commute(),
    _no_op("Sub", 0),
    _no_op("Div", 1),
]

_RULES = RewriteRuleSet(
    [
        *_NO_OPS,
        common.dropout_zero_rule,
        common.dropout_inference_rule,
        common.two_reshapes_matmul_reshape_rule,
        common.one_reshape_matmul_reshape_rule,
        common.cast_constant_of_shape_rule,
        common.cast_constant_of_shape_without_value_rule,
        common.collapse_slice_rule,
        common.collapse_slice2_rule,
        common.materialize_reshape_shape_rule,
        common.min_min_rule,
        common.max_max_rule,
        common.min_max_rule,
        common.max_min_rule,
        common.successive_clip_relu_rule,
        common.successive_relu_clip_rule,
        common.successive_relu_rule,
        common.successive_clip_rule,
        common.cast_cast_rule,
        common.no_op_cast_rule,
        common.no_op_expand_rule,
        common.flatten_to_reshape_rule,
        common.reshape_reshape_rule,
        common.slice_split_rule,
        common.no_op_transpose_rule,
        common.transpose_transpose_rule,
        common.unsqueeze_unsqueeze_rule,
        common.squeeze_reshape_1d_rule,
        common.no_op_dynamic_scatter_nd_rule,
        common.no_op_static_scatter_nd_rule,
        common.normalize_pad_format_conv_rule,
        common.fuse_pad_into_conv_rule,
        common.fuse_batchnorm_into_conv_rule,
        common.fuse_batchnorm_into_conv_transpose_rule,
        common.fuse_batchnorm_into_gemm_rule,
        common.remove_optional_bias_from_conv_rule,
        common.remove_optional_bias_from_conv_transpose_rule,
        common.remove_optional_bias_from_gemm_rule,
    ]
)
