"""A model of 16-bit floats as the same model in float32: the same weights, without their rounding of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Iterable

HALVES = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}


def computes_in_halves(model: ir.Model) -> bool:
    """Whether any value of the model is a 16-bit float."""
    return any(value.dtype in HALVES for graph in model.graphs() for value in _values(graph))


def to_float32(model: ir.Model) -> None:
    """Turns every 16-bit float of a model into a float32, in place: weights, types of values, and casts."""
    for graph in model.graphs():
        for value in _values(graph):
            if value.dtype in HALVES:
                value.type = ir.TensorType(ir.DataType.FLOAT)  # a new one, since a clone shares its values' types
            if value.const_value is not None and value.const_value.dtype in HALVES:
                value.const_value = _widened(value.const_value)
        for node in graph:
            for attribute in list(node.attributes.values()):
                if attribute.type == ir.AttributeType.TENSOR and attribute.value.dtype in HALVES:
                    node.attributes.add(ir.AttrTensor(attribute.name, _widened(attribute.value)))
                elif attribute.name in {"to", "dtype"} and attribute.value in set(map(int, HALVES)):
                    node.attributes.add(ir.AttrInt64(attribute.name, int(ir.DataType.FLOAT)))


def _values(graph: ir.Graph | ir.GraphView) -> Iterable[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _widened(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    return ir.tensor(tensor.numpy().astype(np.float32), name=tensor.name)
