"""A model of other floating-point types as the same model in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

HALVES = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}
# Those in which ONNX Runtime has no convolutions.
WITHOUT_KERNELS = {ir.DataType.BFLOAT16, ir.DataType.DOUBLE}


def note_of(kind: str) -> str:
    """The report's sentence on a model that computed in ``bfloat16`` or ``float64``."""
    return (
        f"what the model has in {kind} was made float32, since ONNX Runtime has no convolutions in {kind}; the "
        "artifact takes and returns float32"
    )


def computes_in_halves(model: ir.Model, types: Collection[ir.DataType] = HALVES) -> bool:
    """Whether any value of the model is a 16-bit float, or of the given types."""
    return any(value.dtype in types for graph in model.graphs() for value in _values(graph))


def to_float32(model: ir.Model, types: Collection[ir.DataType] = HALVES) -> None:
    """Turns every 16-bit float of a model, or float of the types, into a float32: weights, types of values, casts."""
    for graph in model.graphs():
        for value in _values(graph):
            if value.dtype in types:
                value.type = ir.TensorType(ir.DataType.FLOAT)  # a new one, since a clone shares its values' types
            if value.const_value is not None and value.const_value.dtype in types:
                value.const_value = _widened(value.const_value)
        for node in graph:
            for attribute in list(node.attributes.values()):
                if attribute.type == ir.AttributeType.TENSOR and attribute.value.dtype in types:
                    node.attributes.add(ir.AttrTensor(attribute.name, _widened(attribute.value)))
                elif attribute.name in {"to", "dtype"} and attribute.value in set(map(int, types)):
                    node.attributes.add(ir.AttrInt64(attribute.name, int(ir.DataType.FLOAT)))


def _values(graph: ir.Graph | ir.GraphView) -> Iterable[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _widened(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    return ir.tensor(tensor.numpy().astype(np.float32), name=tensor.name)
