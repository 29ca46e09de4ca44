"""Quantised models: what lets the gradient read integer tensors without slowing the forward pass down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam_export.builder import Builder


def use_unsigned_activations(graph: ir.Graph) -> None:
    """Shifts signed 8-bit activations to unsigned ones, which changes no answer, in place.

    On x86 the integer kernels of ONNX Runtime take unsigned activations, and it makes this very shift when it loads a
    model; but not where anything else reads the integers, as the gradient does. The kernels would be lost.
    """
    for node in graph:
        zero = _signed_zero_point(node)
        if zero is None:
            continue
        readers = [use.node for use in node.outputs[0].uses()]
        if not readers or not _all_dequantise(readers):
            continue
        shifted = _shifted(graph, zero)
        node.outputs[0].dtype = ir.DataType.UINT8
        for reader in (node, *readers):
            reader.replace_input_with(2, shifted)


def _signed_zero_point(node: ir.Node) -> ir.Value | None:
    """The constant int8 zero point of a QuantizeLinear."""
    if node.op_type != "QuantizeLinear" or node.domain or len(node.inputs) < 3:  # noqa: PLR2004 — x, scale, zero point
        return None
    zero = node.inputs[2]
    tensor = None if zero is None else ir.convenience.get_const_tensor(zero)
    signed = tensor is not None and tensor.dtype == ir.DataType.INT8 and "output_dtype" not in node.attributes
    return zero if signed else None


def _all_dequantise(nodes: Iterable[ir.Node]) -> bool:
    return all(
        node.op_type == "DequantizeLinear"
        and len(node.inputs) > 2  # noqa: PLR2004 — x, scale, zero point
        and node.inputs[2] is not None
        and ir.convenience.get_const_tensor(node.inputs[2]) is not None
        for node in nodes
    )


def _shifted(graph: ir.Graph, zero: ir.Value) -> ir.Value:
    name = f"{zero.name}/unsigned"
    if name not in graph.initializers:
        tensor = ir.convenience.get_const_tensor(zero)
        assert tensor is not None  # noqa: S101 — asked for before
        numbers = (tensor.numpy().astype(np.int16) + 128).astype(np.uint8)
        graph.register_initializer(ir.val(name, const_value=ir.tensor(numbers, name=name)))
    return graph.initializers[name]


class Dequantised:
    """Hands the rules dequantised values that are computed where they are read, inside a gate.

    Read from outside, the forward pass would compute them in floating point at every call, gate open or closed.
    """

    def __init__(self, op: Builder) -> None:
        """Emits into ``op``."""
        self._op = op
        self._copies: dict[ir.Value, ir.Value] = {}

    def step(self, step: Step) -> Step:
        """The step with its dequantised and its quantised floating-point values read from the integers."""
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
    """The integers that a value is, and the node that tells their scale; None where it is not quantised."""
    producer = value.producer()
    if producer is not None and producer.op_type == "DequantizeLinear":
        return producer.inputs[0], producer
    readers = [use.node for use in value.uses()]
    if len(readers) == 1 and readers[0].op_type == "QuantizeLinear" and readers[0].inputs[0] is value:
        return readers[0].outputs[0], readers[0]
    return None
