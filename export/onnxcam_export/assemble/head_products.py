"""Avoids reading the classifier's weight matrices more than once.

A row of the gradient uses each weight of a fully connected layer once, so its time is that of reading the weights:

1. The gradient of a class starts with a one. Its product with the last matrix is one row of the matrix, which is
   looked up. (MobileNetV2, level 1, one thread: 1.04 forward passes instead of 1.08.) The rows that the caller gives,
   of which there are mostly none, are multiplied with the matrix as the first operand, which takes no memory: fixed at
   level 1, EfficientNet-Lite0 takes 54 MiB instead of 58.
2. The gradient at a layer and the guided gradient at the image are multiplied by the same large matrices. As one
   product, both take as long as one of them. (VGG-16, whose three matrices are nine tenths of its file, at level 2 on
   one thread: 2.20 forward passes instead of 2.29.)

The matrix stays the second operand, of which ONNX Runtime packs a copy for each product. As the first operand it is not
packed, which would save memory; but the product of VGG-16's largest matrix then takes 21 ms instead of 15 in the
forward pass, and 51 instead of 10 in the gradient (two threads).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from onnxcam_export.graph.optimisations import Optimisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder

_LARGE_BYTES = 2**20  # for smaller matrices, joining and splitting the rows takes as long as it saves


def share_head_products(op: Builder) -> None:
    """Replaces products of gradients with constant matrices.

    Args:
        op: The emitted nodes, which are replaced in place, and reordered if necessary.
    """
    look_up = Optimisation.ROW_LOOK_UP in op.optimisations
    join = Optimisation.JOINED_PRODUCTS in op.optimisations
    replaced: set[ir.Node] = set()
    alike: dict[object, list[ir.Node]] = defaultdict(list)
    for node in list(op.nodes):
        if not _multiplies_rows(op, node):
            continue
        rows = _one_hot_and_seeds(node) if look_up else None
        if rows is not None:
            _look_up(op, node, *rows)
            replaced.add(node)
        elif join and (_matrix_bytes(op, node) or 0) >= _LARGE_BYTES:
            alike[node.inputs[1], repr(sorted(_values(node).items()))].append(node)
    for nodes in alike.values():
        joined: list[ir.Node] = []
        for node in nodes:
            if not any(_depends(node, other) or _depends(other, node) for other in joined):
                joined.append(node)
        if len(joined) > 1:
            _join(op, joined)
            replaced.update(joined)
    if not replaced:
        return
    scratch = ir.Graph([], [], nodes=[node for node in op.nodes if node not in replaced])
    scratch.sort()
    op.nodes[:] = list(scratch)
    scratch.remove(op.nodes)


def _multiplies_rows(op: Builder, node: ir.Node) -> bool:
    """Whether the node is ``A W`` or ``A W^T`` with a constant W."""
    if node.op_type != "Gemm" or len(node.inputs) > 2:
        return False
    attributes = _values(node)
    plain = not attributes.get("transA", 0) and attributes.get("alpha", 1.0) == 1.0
    return plain and node.inputs[0] is not None and _matrix_bytes(op, node) is not None


def _one_hot_and_seeds(node: ir.Node) -> tuple[ir.Value, ir.Value] | None:
    """The indices and the seeds, if the first operand is rows of one-hot vectors and then seeds."""
    joined = _producer(node.inputs[0])
    if joined is None or joined.op_type != "Concat":
        return None
    one_hot, (index, seeds) = _producer(joined.inputs[0]), (None, joined.inputs[-1])
    if one_hot is not None and one_hot.op_type == "OneHot":
        index = one_hot.inputs[0]
    return None if index is None or seeds is None else (index, seeds)


def _producer(value: ir.Value | None) -> ir.Node | None:
    return None if value is None else value.producer()


def _values(node: ir.Node) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in node.attributes.items()}


def _matrix_bytes(op: Builder, node: ir.Node) -> int | None:
    """The size of a product's matrix; None if it is not constant."""
    matrix = node.inputs[1]
    return None if matrix is None else op.constant_bytes(matrix)


def _depends(node: ir.Node, on: ir.Node) -> bool:
    """Whether ``node`` depends on the result of ``on``."""
    seen, pending = {node}, [node]
    while pending:
        for value in pending.pop().inputs:
            producer = None if value is None else value.producer()
            if producer is on:
                return True
            if producer is not None and producer not in seen:
                seen.add(producer)
                pending.append(producer)
    return False


def _look_up(op: Builder, node: ir.Node, index: ir.Value, seeds: ir.Value) -> None:
    """Replaces ``[onehot(c); v] W`` by row c of W and ``v W``, and likewise for ``W^T``."""
    matrix, is_transposed = node.inputs[1], bool(_values(node).get("transB", 0))
    row = op.Transpose(op.Gather(matrix, index, axis=1)) if is_transposed else op.Gather(matrix, index)
    product = op.Gemm(matrix, seeds, transA=int(not is_transposed), transB=1)
    # With an axis more, ONNX Runtime does not fuse the Transpose, which would make the matrix the second operand.
    turned = op.Squeeze(op.Transpose(op.Unsqueeze(product, [0]), perm=[0, 2, 1]), [0])
    _replace(node, op.Concat(row, turned, axis=0))


def _replace(node: ir.Node, value: ir.Value) -> None:
    node.outputs[0].replace_all_uses_with(value)
    for position in range(len(node.inputs)):
        node.replace_input_with(position, None)


def _join(op: Builder, several: Sequence[ir.Node]) -> None:
    """Replaces several products by one product of all their rows."""
    rows = op.Concat(*(node.inputs[0] for node in several), axis=0)
    product = op.Gemm(rows, several[0].inputs[1], **_values(several[0]))
    lengths = op.Concat(*(op.Shape(node.inputs[0], start=0, end=1) for node in several), axis=0)
    parts = op.outputs(len(several)).Split(product, lengths, axis=0)
    for node, part in zip(several, parts, strict=True):
        _replace(node, part)
