"""Scaled dot-product attention in ONNX for queries of any rank; PyTorch's own translation takes four axes alone.

Windowed attention has five, and attention with its heads in the batch has three.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnxscript

from onnxcam_export.errors import SourceError


def attention(  # noqa: PLR0917  PyTorch's signature
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``softmax(q k^T scale + mask) v``: queries [*, L, E], keys [*, S, E], values [*, S, V], the result [*, L, V]."""
    if dropout_p or enable_gqa:
        raise SourceError(
            "attention with dropout or grouped queries is not supported for queries that do not have four axes"
        )
    op, rank, width = onnxscript.opset18, len(query.shape), query.shape[-1]
    factor = 1 / math.sqrt(width) if scale is None else scale
    turned = op.Transpose(key, perm=[*range(rank - 2), rank - 1, rank - 2])
    weights = op.MatMul(op.Mul(query, op.CastLike(_constant(np.float32(factor)), query)), turned)
    if is_causal:
        attn_mask = _constant(np.tril(np.ones((query.shape[-2], key.shape[-2]), bool)))
    if attn_mask is not None:
        weights = op.Add(weights, _added(attn_mask, is_causal=is_causal, like=query))
    return op.MatMul(op.Softmax(weights, axis=-1), value)


def _added(mask: Any, *, is_causal: bool, like: Any) -> Any:
    """A mask as what is added to the weights: minus infinity where it is false."""
    op = onnxscript.opset18
    if not is_causal and mask.dtype != onnxscript.ir.DataType.BOOL:
        return mask
    zero, nothing = (op.CastLike(_constant(np.float32(number)), like) for number in (0, -np.inf))
    return op.Where(mask, zero, nothing)


def _constant(array: Any) -> Any:
    return onnxscript.opset18.Constant(value=onnx.numpy_helper.from_array(np.asarray(array)))
