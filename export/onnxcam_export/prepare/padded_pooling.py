"""Keeps a padding of zeros apart from the max pooling behind it.

ONNX Runtime (1.31) makes one pooling of both, which then pads with the lowest number instead. Of negative values, as in
the stem of BiT's residual networks, the maximum is another one, and the scores change by percents. A Max of one value
between them, which gives it back, is not optimised away.
"""

from __future__ import annotations

import onnx_ir as ir

NOTE = (
    "ONNX Runtime answers the original otherwise, because it merges a padding of zeros with max pooling, which changes "
    "negative values; the explainer model answers as the operators say"
)
_APART = "/kept_apart"


def keep_padding_apart(graph: ir.Graph) -> None:
    """Puts a Max between each Pad with zeros and its MaxPool, in place; nothing is less than zero behind a Relu."""
    for node in list(graph):
        padded = node.inputs[0] if node.op_type == "MaxPool" else None
        pad = padded.producer() if padded is not None else None
        if padded is None or pad is None or not _pads_with_zeros(pad) or _is_rectified(pad.inputs[0]):
            continue
        apart = ir.node("Max", [padded], name=f"{padded.name}{_APART}")
        apart.outputs[0].name, apart.outputs[0].type, apart.outputs[0].shape = apart.name, padded.type, padded.shape
        node.replace_input_with(0, apart.outputs[0])
        graph.insert_before(node, apart)


def _pads_with_zeros(node: ir.Node) -> bool:
    """Whether it is a Pad with a constant number that may be zero, as it is if none is given."""
    if node.op_type != "Pad" or node.attributes.get_string("mode", "constant") != "constant":
        return False
    given = node.inputs[2] if len(node.inputs) > 2 else None
    number = ir.convenience.get_const_tensor(given) if given is not None else None
    return number is None or not number.numpy().any()


def _is_rectified(value: ir.Value | None) -> bool:
    node = value.producer() if value is not None else None
    return node is not None and node.op_type == "Relu"


def is_kept_apart(y: ir.Value) -> bool:
    """Whether the value is that of a Max between a Pad and a MaxPool."""
    return (y.name or "").endswith(_APART)
