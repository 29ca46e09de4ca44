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
    """Puts a Max between each Pad and MaxPool, in place; not behind a Relu, since nothing is less than zero there."""
    for node in list(graph):
        if node.op_type != "MaxPool" or node.inputs[0] is None:
            continue
        pad = node.inputs[0].producer()
        source = pad.inputs[0] if pad is not None and pad.op_type == "Pad" else None
        if source is None or ((before := source.producer()) is not None and before.op_type == "Relu"):
            continue
        padded = node.inputs[0]
        apart = ir.node("Max", [padded], name=f"{padded.name}{_APART}")
        apart.outputs[0].name, apart.outputs[0].type, apart.outputs[0].shape = apart.name, padded.type, padded.shape
        node.replace_input_with(0, apart.outputs[0])
        graph.insert_before(node, apart)


def is_kept_apart(y: ir.Value) -> bool:
    """Whether the value is that of a Max between a Pad and a MaxPool."""
    return (y.name or "").endswith(_APART)
