"""Looks through what stands between the scores and an output: a softmax, labels, ranks, reshapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from onnxcam_export.graph.steps import is_constant, shape_of

if TYPE_CHECKING:
    import onnx_ir as ir

# What may stand between the scores and the output without changing any score.
TRANSPARENT = {
    "Identity",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Cast",
    "Dropout",
    "QuantizeLinear",
    "DequantizeLinear",
}
# Operators that pick from the scores, where they are applied to [N, C].
_RANKINGS = {"TopK", "ArgMax", "ArgMin", "ReduceMax", "ReduceMin", "Hardmax"}
# Of these, the ones that no network computes with: they pick from scores of any shape.
_LABELS = {"ArgMax", "ArgMin", "Hardmax"}
# Operators that give classes their names, look up the names of indices, and compare scores with a threshold.
_NAMINGS = {"ZipMap", "LabelEncoder"}
_LOOKUPS = {"Gather", "ArrayFeatureExtractor"}
_DECISIONS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
_ACTIVATIONS: dict[str, Literal["softmax", "sigmoid"]] = {
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Sigmoid": "sigmoid",
}


def before_reshapes(node: ir.Node | None) -> ir.Node | None:
    """The first node, going back, that does more than pass its input on."""
    while node is not None and node.op_type in TRANSPARENT and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node


def before_ranking(value: ir.Value) -> ir.Value:
    """The scores that a label, a confidence or a ranking was taken from; the value itself if it is none of these."""
    x: ir.Value | None = value
    while x is not None:
        value, node = x, before_reshapes(x.producer())
        x = None if node is None else _ranked(node)
    return value


def _ranked(node: ir.Node) -> ir.Value | None:
    """What the node ranks, compares or looks up names for; None if it does something else."""
    x = node.inputs[0] if node.inputs else None
    if x is not None and node.op_type in _RANKINGS:
        pools_maps = len(shape_of(x)) != 2 and node.op_type not in _LABELS
        return None if pools_maps else x
    if node.op_type in _NAMINGS:
        return x
    if node.op_type in _LOOKUPS and is_constant(x):
        return node.inputs[1]
    if node.op_type in _DECISIONS and is_constant(node.inputs[1]):
        return x
    return None


def before_activation(value: ir.Value) -> tuple[ir.Value, Literal["softmax", "sigmoid"] | None]:
    """What a softmax or sigmoid near the output was applied to; the value itself where there is none."""
    node = before_reshapes(value.producer())
    if node is not None and node.op_type in _ACTIVATIONS and node.inputs[0] is not None:
        return _as_wide_as(value, node.inputs[0]), _ACTIVATIONS[node.op_type]
    return value, None


def _as_wide_as(value: ir.Value, before: ir.Value) -> ir.Value:
    """What became ``before`` by reshaping and has the shape of ``value``; ``before`` itself if nothing has.

    A softmax of older opsets flattens its input, and so merges the batch with other axes.
    """
    x: ir.Value | None = before
    while x is not None and shape_of(x) != shape_of(value):
        node = x.producer()
        x = node.inputs[0] if node is not None and node.op_type in TRANSPARENT else None
    return before if x is None else x
