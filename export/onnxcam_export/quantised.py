"""Quantised models: what lets the gradient read integer tensors without slowing the forward pass down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Iterable


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
