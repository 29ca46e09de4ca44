"""Lets the gradient of a quantised model read integer tensors, without slowing the forward pass down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.graph.steps import Step

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


class Dequantised:
    """Gives the rules dequantised values that are computed inside the gate that reads them.

    If a gate read the forward pass's own dequantised values, these would be computed at every run, also if the gate is
    closed.
    """

    def __init__(self, op: Builder) -> None:
        """Emits into ``op``."""
        self._op = op
        self._copies: dict[ir.Value, ir.Value] = {}

    def step(self, step: Step) -> Step:
        """The step, with its dequantised values and its values before quantising read from the integers."""
        if step.op_type in {"QuantizeLinear", "DequantizeLinear"}:
            return step
        inputs = tuple(value and self._copy(value) for value in step.inputs)
        outputs = tuple(self._copy(value) for value in step.outputs)
        if inputs == step.inputs and outputs == step.outputs:
            return step
        return Step(step.op_type, inputs, outputs, step.attributes, step.name)

    def _copy(self, value: ir.Value) -> ir.Value:
        source = _dequantising(value)
        if source is None:
            return value
        if value not in self._copies:
            quantised, node = source
            attributes = {
                name: node.attributes[name].value for name in ("axis", "block_size") if name in node.attributes
            }
            copy = self._op.DequantizeLinear(quantised, *node.inputs[1:], **attributes)
            copy.shape, copy.type = value.shape, value.type
            self._copies[value] = copy
        return self._copies[value]


def _dequantising(value: ir.Value) -> tuple[ir.Value | None, ir.Node] | None:
    """The integers that represent a value, and the node with their scale; None if the value is not quantised."""
    producer = value.producer()
    if producer is not None and producer.op_type == "DequantizeLinear":
        return producer.inputs[0], producer
    readers = [use.node for use in value.uses()]
    if len(readers) == 1 and readers[0].op_type == "QuantizeLinear" and readers[0].inputs[0] is value:
        return readers[0].outputs[0], readers[0]
    return None
