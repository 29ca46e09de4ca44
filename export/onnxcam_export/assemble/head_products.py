"""Avoids reading the classifier's weight matrices more than once.

A row of cotangents uses each weight of a fully connected layer once, so that its time is that of reading the weights:

1. The gradient begins with a one, at the class explained: of the last matrix that is one row, which is looked up.
   (MobileNetV2's level 1, one thread: 1.08 of the forward pass before, 1.04 so.)
2. The gradient at a layer and the guided gradient at the image go through the same large matrices: both together take
   as long as one. VGG-16's three are nine tenths of its file (level 2, one thread: 2.29 before, 2.20 so).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from onnxcam_export.graph.optimisations import Optimisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder

_LARGE_BYTES = 2**20  # below it joining and splitting the rows costs what reading once saves


def share_head_products(op: Builder) -> None:
    """Replaces products of cotangents with constant matrices.

    Args:
        op: What was emitted; the nodes change in place, and their order where it has to.
    """
    look_up = Optimisation.ROW_LOOK_UP in op.optimisations
    join = Optimisation.JOINED_PRODUCTS in op.optimisations
    replaced: set[ir.Node] = set()
    alike: dict[object, list[ir.Node]] = defaultdict(list)
    for node in list(op.nodes):
        if not _multiplies_rows(op, node):
            continue
        begin = _producer(node)
        if look_up and begin is not None and begin.op_type == "OneHot":
            _look_up(op, node, begin.inputs[0])
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


def _producer(node: ir.Node) -> ir.Node | None:
    """What computes the rows."""
    rows = node.inputs[0]
    return None if rows is None else rows.producer()


def _values(node: ir.Node) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in node.attributes.items()}


def _matrix_bytes(op: Builder, node: ir.Node) -> int | None:
    """The size of a product's constant matrix; None where it is no constant."""
    matrix = node.inputs[1]
    return None if matrix is None else op.constant_bytes(matrix)


def _depends(node: ir.Node, on: ir.Node) -> bool:
    """Whether one needs the result of the other."""
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


def _look_up(op: Builder, node: ir.Node, index: ir.Value | None) -> None:
    """``onehot(c) W`` is row c of W, and ``onehot(c) W^T`` its column."""
    matrix = node.inputs[1]
    row = op.Transpose(op.Gather(matrix, index, axis=1)) if _values(node).get("transB", 0) else op.Gather(matrix, index)
    _replace(node, row)


def _replace(node: ir.Node, value: ir.Value) -> None:
    node.outputs[0].replace_all_uses_with(value)
    for position in range(len(node.inputs)):
        node.replace_input_with(position, None)


def _join(op: Builder, several: Sequence[ir.Node]) -> None:
    """Puts one product of all rows in the place of several."""
    rows = op.Concat(*(node.inputs[0] for node in several), axis=0)
    product = op.Gemm(rows, several[0].inputs[1], **_values(several[0]))
    lengths = op.Concat(*(op.Shape(node.inputs[0], start=0, end=1) for node in several), axis=0)
    parts = op.outputs(len(several)).Split(product, lengths, axis=0)
    for node, part in zip(several, parts, strict=True):
        _replace(node, part)
