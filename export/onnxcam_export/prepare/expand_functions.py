"""Expands operators without a gradient rule into their function bodies from the ONNX standard.

The standard defines many operators as functions of simpler ones (``Attention``, ``CenterCropPad``, …). Once expanded,
they need no rule of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import onnx.defs
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam_export.graph.steps import WITHOUT_GRADIENT
from onnxcam_export.prepare.affine_grid import affine_grid

if TYPE_CHECKING:
    from collections.abc import Container

_DOMAIN = "onnxcam.expanded"

# Random numbers and masks have no gradient, and ONNX Runtime has kernels for the operators on integers.
_KEPT = {"DynamicQuantizeLinear", "Range", "SequenceMap"} | WITHOUT_GRADIENT


def expand(model: ir.Model, keep: Container[str]) -> None:
    """Replaces operators by their function bodies, in place.

    Args:
        model: The model, with inferred types, on which some bodies depend.
        keep: The names of the operators that stay.
    """
    version = model.opset_imports.get("", 0)
    while True:
        count = 0
        for node in list(model.graph):
            body = None if _stays(node, keep) else _body(node, version)
            if body is not None:
                _call(model, node, body, f"{node.op_type}_{len(model.functions)}")
                count += 1
        if not count:
            break
        common_passes.InlinePass()(model)
        common_passes.ShapeInferencePass(check_type=False, strict_mode=False)(model)  # for bodies within bodies
    model.opset_imports.pop(_DOMAIN, None)


def _stays(node: ir.Node, keep: Container[str]) -> bool:
    """Whether a rule takes the node, or none is needed; no rule takes further outputs, such as mean and deviation."""
    if node.domain or node.op_type in _KEPT:
        return True
    return node.op_type in keep and not any(value.uses() or value.is_graph_output() for value in node.outputs[1:])


def _body(node: ir.Node, version: int) -> onnx.FunctionProto | None:
    """The operator's function body, of the latest version in the model's opset; None if it has none."""
    if node.op_type == "AffineGrid":
        return affine_grid(node)
    if not onnx.defs.has(node.op_type):
        return None
    schema: Any = onnx.defs.get_schema(node.op_type, version)  # its type stub lacks the methods for functions
    fixed = [v for v in schema.function_opset_versions if v <= version]
    dependent = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    text: bytes | None = None
    if fixed:
        text = schema.get_function_with_opset_version(max(fixed))
    elif dependent:
        types = [_type(value).SerializeToString() for value in node.inputs]
        for index, value in enumerate(node.outputs):  # the body has the outputs with names, and all are asked of it
            value.name = value.name or f"{node.outputs[0].name}/unused_{index}"
        proto = ir.to_proto(node).SerializeToString()
        text = schema.get_context_dependent_function_with_opset_version(max(dependent), proto, types)
    return onnx.FunctionProto.FromString(text) if text else None


def _type(value: ir.Value | None) -> onnx.TypeProto:
    if value is None or value.dtype is None:
        return onnx.TypeProto()
    shape = None if value.shape is None else [n if isinstance(n, int) else str(n) for n in value.shape]
    return onnx.helper.make_tensor_type_proto(int(value.dtype), shape)


def _call(model: ir.Model, node: ir.Node, body: onnx.FunctionProto, name: str) -> None:
    """Turns the node into a call of the body, which is inlined later."""
    body.domain, body.name = _DOMAIN, name
    del body.output[len(node.outputs) :]  # optional outputs that the node leaves out
    del body.opset_import[:]
    body.opset_import.append(onnx.helper.make_opsetid("", model.opset_imports[""]))
    for attribute in onnx.defs.get_schema(node.op_type, model.opset_imports[""]).attributes.values():
        if attribute.name not in node.attributes and attribute.default_value.type:
            node.attributes.add(ir.serde.deserialize_attribute(attribute.default_value))
    function = ir.serde.deserialize_function(body)
    model.functions[function.identifier()] = function
    model.opset_imports[_DOMAIN] = 1
    node.domain, node.op_type = _DOMAIN, name
