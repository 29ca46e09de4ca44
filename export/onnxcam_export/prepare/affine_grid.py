"""AffineGrid as one matrix product with the positions of an unmoved grid.

The standard's own function body holds conditions, and squeezes a batch of one away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    import onnx_ir as ir


def affine_grid(node: ir.Node) -> onnx.FunctionProto | None:
    """``grid = base theta^T``, with base [places, rank + 1] in homogeneous coordinates; None if sizes are not known."""
    theta, shape = node.inputs[0], node.outputs[0].shape
    sizes = [size for size in list(shape or ())[1:-1] if isinstance(size, int)]
    if theta is None or theta.dtype is None or shape is None or not sizes or len(sizes) != len(shape) - 2:
        return None
    base = _unmoved(sizes, aligned=bool(node.attributes.get_int("align_corners", 0))).astype(theta.dtype.numpy())
    make = onnx.helper.make_node
    nodes = [
        make("Constant", [], ["base"], value=onnx.numpy_helper.from_array(base)),
        make("Constant", [], ["shape"], value_ints=[0, *sizes, len(sizes)]),
        make("Transpose", ["theta"], ["turned"], perm=[0, 2, 1]),
        make("MatMul", ["base", "turned"], ["positions"]),
        make("Reshape", ["positions", "shape"], ["grid"]),
    ]
    return onnx.helper.make_function("", node.op_type, ["theta", "size"], ["grid"], nodes, [])


def _unmoved(sizes: list[int], *, aligned: bool) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The positions (x, y, …, 1) of all elements; the corners at -1 and 1 are the elements' centres, or their edges."""
    axes = [
        np.arange(size) * 2 / max(size - 1, 1) - 1 if aligned else (2 * np.arange(size) + 1) / size - 1
        for size in sizes
    ]
    places = [place.ravel() for place in np.meshgrid(*axes, indexing="ij")]
    return np.stack([*places[::-1], np.ones(len(places[0]))], axis=1)
