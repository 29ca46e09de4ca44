"""Computes what depends on constants only, with the lists of sizes that exporters make with ConstantOfShape."""

from __future__ import annotations

import math

import onnx_ir as ir
import onnxscript.optimizer

_SMALL = 64  # elements: lists of sizes, and no masks
_INDICES = 2**20  # elements


def fold_constants(model: ir.Model, *, indices: bool = False) -> bool:
    """Folds constants in place; whether anything changed.

    onnxscript leaves ConstantOfShape as it is, to keep models small. PyTorch's older exporter makes with it the sizes
    that an Expand takes, of class tokens for one.

    Args:
        model: The model.
        indices: Whether to compute large arrays of integers too, where the model is not kept.
    """
    wanted = _makes_sizes_or_indices if indices else _makes_sizes
    return bool(onnxscript.optimizer.fold_constants(model, should_fold=wanted).modified)


def _makes_sizes(node: ir.Node) -> bool | None:
    """True of a ConstantOfShape with few elements; of all else onnxscript decides."""
    if node.op_type != "ConstantOfShape" or node.inputs[0] is None:
        return None
    shape = ir.convenience.get_const_tensor(node.inputs[0])
    return True if shape is not None and math.prod(shape.numpy().tolist()) <= _SMALL else None


def _makes_sizes_or_indices(node: ir.Node) -> bool | None:
    tensors = [ir.convenience.get_const_tensor(value) for value in node.inputs if value is not None]
    known = [tensor for tensor in tensors if tensor is not None and tensor.dtype == ir.DataType.INT64]
    if node.op_type == "Expand":
        return False  # what is expanded tells more, and takes less memory
    if node.op_type in _ARITHMETIC and known and len(known) == len(tensors):
        return True if all(tensor.size <= _INDICES for tensor in known) else None
    return _makes_sizes(node)


# What indices are made with; none gives more than one element for each of its largest input's, except by broadcasting.
_ARITHMETIC = {"Range", "Add", "Mul", "Sub", "Unsqueeze", "Squeeze", "Reshape"}
