"""Separable linear operators (average pooling, Resize) as one matrix per axis.

Along one axis such an operator is ``y = A x``, and its gradient is ``dx = A^T dy``. A is found by running the operator
in ONNX Runtime on the unit vectors of the axis, so that padding, ceil mode and rounding match ONNX Runtime exactly.
Small maps have small matrices, and two matrix products are faster than a scatter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.differentiate.lowering.window import Window
from onnxcam_export.graph.opset import IR_VERSION, OPSET
from onnxcam_export.graph.session import open_file
from onnxcam_export.graph.steps import Step, shape_of, static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.graph.builder import Builder

Matrix = npt.NDArray[np.float32]


def pooling_matrices(step: Step) -> dict[int, Matrix]:
    """A pooling operator as an [n_out, n] matrix for each spatial axis.

    For ``LpPool`` they are the matrices that sum over the windows.
    """
    kernel, sizes = step.attributes["kernel_shape"], static_shape(step.x, 2)
    window = Window.of(step, len(kernel))
    kept = {name: step.attributes[name] for name in ("ceil_mode", "count_include_pad") if name in step.attributes}
    matrices = {}
    for axis, size in enumerate(sizes):
        attributes = {
            "kernel_shape": [kernel[axis]],
            "strides": [window.strides[axis]],
            "dilations": [window.dilations[axis]],
            "pads": [window.begin[axis], window.end[axis]],
            **({"p": 1} if step.op_type == "LpPool" else {}),
            **kept,
        }
        unit_vectors = np.eye(size, dtype=np.float32)[:, None]
        matrices[axis + 2] = run_operator(step.op_type, [unit_vectors], attributes)[:, 0].T
    return matrices


def resize_matrices(step: Step) -> dict[int, Matrix]:
    """A Resize as an [n_out, n] matrix for each axis that it changes; rows outside of the map are zero."""
    rank = len(shape_of(step.x))
    axes = [axis % rank for axis in step.attributes.get("axes", range(rank))]
    scales = step.constant(2)
    crops = step.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    region = step.constant(1) if crops else None
    kept = {name: value for name, value in step.attributes.items() if name not in _NOT_KEPT}
    matrices = {}
    for index, axis in enumerate(axes):
        size, count = shape_of(step.x)[axis], shape_of(step.y)[axis]
        start, end = (0, 1) if region is None else region[index :: len(axes)]
        if size is None or (size == count and (start, end) == (0, 1)):
            continue
        unit_vectors = np.eye(size, dtype=np.float32)[:, None, :, None]
        if scales is not None and scales.size:
            factor: list[npt.NDArray[Any] | None] = [np.asarray([1, 1, scales[index], 1], np.float32)]
        else:
            factor = [None, np.asarray([size, 1, count, 1], np.int64)]
        crop = np.asarray([0, 0, start, 0, 1, 1, end, 1], np.float32) if crops else None
        matrices[axis] = run_operator("Resize", [unit_vectors, crop, *factor], kept)[:, 0, :, 0].T
    return matrices


# What is said of each axis, or is added where the gradient is zero.
_NOT_KEPT = {"axes", "keep_aspect_ratio_policy", "extrapolation_value"}


def apply_transposed(
    op: Builder, dy: ir.Value, matrices: Mapping[int, Matrix], shape: Sequence[int | None]
) -> ir.Value:
    """Multiplies by ``A^T`` along each axis that has a matrix; ``shape`` is that of ``dy``, with the batch first."""
    size = [-1, *shape[1:]]
    for axis, matrix in matrices.items():
        weight = np.ascontiguousarray(matrix, op.dtype.numpy())
        following = size[axis + 1 :]
        size[axis] = matrix.shape[1]
        if not following:
            dy = op.MatMul(dy, weight)
        elif len(following) == 1:
            dy = op.MatMul(np.ascontiguousarray(weight.T), dy)
        else:
            dy = op.Reshape(dy, [-1, len(weight), math.prod(following)])
            dy = op.Reshape(op.MatMul(np.ascontiguousarray(weight.T), dy), size)
    return dy


def run_operator(
    op_type: str, inputs: Sequence[npt.NDArray[Any] | None], attributes: Mapping[str, Any]
) -> npt.NDArray[Any]:
    """Runs one operator in ONNX Runtime and returns its first output."""
    values = [
        None if a is None else ir.val(f"input_{i}", dtype=ir.DataType.from_numpy(a.dtype), shape=a.shape)
        for i, a in enumerate(inputs)
    ]
    given = {v.name or "": a for v, a in zip(values, inputs, strict=True) if v is not None and a is not None}
    node = ir.node(op_type, values, dict(attributes))
    node.outputs[0].name = "y"
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    present = [value for value in values if value is not None]
    graph = ir.Graph(present, node.outputs[:1], nodes=[node], opset_imports={"": OPSET}, name="operator")
    model = ir.to_proto(ir.Model(graph, ir_version=IR_VERSION))
    return np.asarray(open_file(model.SerializeToString()).run(None, given)[0])
