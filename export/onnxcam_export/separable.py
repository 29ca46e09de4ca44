"""Linear operators that act on each spatial axis by itself, as one matrix per axis.

Average pooling is such an operator (Resize and the modes of Pad are, too): along one axis it is ``y = A x``, and the
gradient is ``dx = A^T dy``. A is found by letting ONNX Runtime apply the operator to the unit vectors of that axis, so
paddings, ceil mode and rounding are its own and not a second account of them. Small maps make small matrices: two
matrix products cost less than a scatter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import onnxruntime as ort

from onnxcam_export.builder import Builder
from onnxcam_export.steps import Step, static_shape

Matrix = npt.NDArray[np.float32]


def axis_matrices(node: Step) -> list[Matrix]:
    """A pooling operator as one [n_out, n] matrix for each spatial axis."""
    sizes = static_shape(node.x, 2)
    return [_pooling_matrix(node, axis, len(sizes), size) for axis, size in enumerate(sizes)]


def apply_transposed(op: Builder, dy: ir.Value, matrices: Sequence[Matrix], size: Sequence[int]) -> ir.Value:
    """``A^T`` along each trailing axis of ``dy``; ``size`` is the result's shape without the batch."""
    count = len(matrices)
    if count > 0:
        dy = op.MatMul(dy, np.ascontiguousarray(matrices[-1]))
    if count > 1:
        dy = op.MatMul(np.ascontiguousarray(matrices[-2].T), dy)
    if count > 2:  # noqa: PLR2004 — volumes: the depth comes in front of the plane, flattened
        depth, *plane = size[-3:]
        dy = op.Reshape(dy, [-1, size[0], matrices[0].shape[0], int(np.prod(plane))])
        dy = op.MatMul(np.ascontiguousarray(matrices[0].T), dy)
        dy = op.reshape_rows(dy, [size[0], depth, *plane])
    return dy


def run_operator(op_type: str, inputs: Sequence[npt.NDArray[Any]], attributes: Mapping[str, Any]) -> npt.NDArray[Any]:
    """One operator's first output, as ONNX Runtime computes it."""
    values = [
        ir.val(f"input_{i}", dtype=ir.DataType.from_numpy(a.dtype), shape=a.shape) for i, a in enumerate(inputs)
    ]
    node = ir.node(op_type, values, dict(attributes))
    node.outputs[0].name = "y"
    node.outputs[0].type = ir.TensorType(values[0].dtype or ir.DataType.FLOAT)
    graph = ir.Graph(values, node.outputs[:1], nodes=[node], opset_imports={"": 20}, name="operator")
    model = ir.to_proto(ir.Model(graph, ir_version=10))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: npt.NDArray[Any] = session.run(None, {v.name or "": a for v, a in zip(values, inputs, strict=True)})[0]
    return result


def _pooling_matrix(node: Step, axis: int, rank: int, size: int) -> Matrix:
    def along(name: str, default: int) -> list[int]:
        values = list(node.attributes.get(name, [default] * rank))
        return [values[axis]]

    pads = list(node.attributes.get("pads", [0] * (2 * rank)))
    attributes = {
        "kernel_shape": along("kernel_shape", 1),
        "strides": along("strides", 1),
        "dilations": along("dilations", 1),
        "pads": [pads[axis], pads[axis + rank]],
        **{name: node.attributes[name] for name in ("ceil_mode", "count_include_pad") if name in node.attributes},
    }
    unit_vectors = np.eye(size, dtype=np.float32)[:, None]
    columns = run_operator(node.op_type, [unit_vectors], attributes)
    return np.ascontiguousarray(columns[:, 0].T)
