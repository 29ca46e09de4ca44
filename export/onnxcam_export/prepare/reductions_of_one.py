"""Leaves a batch of one out of the axes that are reduced.

A model for one image may scale it by the mean or the largest of all its numbers, ``x / x.max()``, with the batch among
the reduced axes. Its one element does not change the result, but the gradient has a row for each target where the
forward pass has the batch, and rows must not be added up. So such a number becomes one of each image, [N].
"""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.steps import REDUCTIONS, Step, is_constant, reduced_axes, shape_of

_SAME = frozenset(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"))  # of one element
# Element by element, with inputs that are aligned at their last axes.
_BROADCAST = frozenset(
    ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
)


def reduce_each_image(model: ir.Model, image: ir.Value) -> None:
    """Changes reductions over a batch of one, and what is computed with their numbers, in place.

    Args:
        model: The model; the shapes of its values are known.
        image: The input; nothing is done if its batch is not fixed to one.
    """
    if image.shape is None or not len(image.shape) or image.shape[0] != 1:
        return
    of_image, numbers, op = {image}, set[ir.Value](), Builder(model.graph, prefix="of_one")
    for node in list(model.graph):
        if of_image.isdisjoint(node.inputs):
            continue
        if node.op_type in REDUCTIONS:
            of_image.add(_reduced(op.branch(node.outputs[0].name or ""), node, numbers))
            continue
        of_image.update(node.outputs)
        if not numbers.isdisjoint(node.inputs):
            _compute(op.branch(node.outputs[0].name or ""), node, numbers)
    common_passes.RemoveUnusedNodesPass()(model)


def _reduced(op: Builder, node: ir.Node, numbers: set[ir.Value]) -> ir.Value:
    """Takes the batch out of the reduced axes, and gives the new output; a number of an image enters ``numbers``."""
    x, y, keeps = node.inputs[0], node.outputs[0], node.attributes.get_int("keepdims", 1)
    if not all(map(is_constant, node.inputs[1:])) or x is None or x.shape is None:
        return y
    axes = reduced_axes(Step.of(node))
    whole = len(axes) == len(x.shape) and not keeps and not y.is_graph_output()
    if whole:
        x = _before_reshapes(x)
        axes = list(range(len(x.shape or ())))
    if axes[:1] != [0] or shape_of(x)[0] != 1 or not (whole or keeps) or (len(axes) == 1 and node.op_type not in _SAME):
        return y
    new = getattr(op, node.op_type)(x, axes[1:], keepdims=keeps) if axes[1:] else op.Identity(x)
    new.name, new.type = y.name, y.type
    ir.convenience.replace_nodes_and_values(op.graph, node, [node], op.all_nodes, [y], [new])
    if whole:
        new.shape = ir.Shape([1])
        numbers.add(new)
    return new


def _before_reshapes(x: ir.Value) -> ir.Value:
    """The value that was reshaped, since the order of the elements does not matter to all of them."""
    node = x.producer()
    while node is not None and node.op_type in {"Reshape", "Flatten", "Squeeze"} and _is_known(node.inputs[0]):
        x = node.inputs[0] or x
        node = x.producer()
    return x


def _is_known(x: ir.Value | None) -> bool:
    return x is not None and x.shape is not None


def _compute(op: Builder, node: ir.Node, numbers: set[ir.Value]) -> None:
    """What is computed with numbers is a number of each image too, or has their values along its first axis."""
    y = node.outputs[0]
    others = [x for x in node.inputs if x is not None and x not in numbers]
    single = all(is_constant(x) and x.shape is not None and not len(x.shape) for x in others)
    if single and len(node.outputs) == 1 and y.shape is not None and not len(y.shape) and not y.is_graph_output():
        y.shape = ir.Shape([1])
        numbers.add(y)
        return
    aligned = node.op_type in _BROADCAST and y.shape is not None and len(y.shape) > 0
    for index, x in enumerate(node.inputs):
        if x is None or x not in numbers:
            continue
        rank = len(shape_of(y)) if aligned else 0
        new = op.Unsqueeze(x, list(range(1, rank))) if rank > 1 else op.Squeeze(x, [0]) if not rank else x
        if new is not x:
            new.type, new.shape = x.type, ir.Shape([1] * rank)
            node.replace_input_with(index, new)
    op.graph.insert_before(node, op.all_nodes)
