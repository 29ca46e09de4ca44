"""Expands operators without a gradient rule by the function body that the ONNX standard gives them.

Many operators of the standard are defined as functions of simpler ones (``Attention``, ``CenterCropPad``, …). Written
out, they need no rule of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import onnx.defs
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

if TYPE_CHECKING:
    from collections.abc import Container

_DOMAIN = "onnxcam.expanded"

# Random numbers have no gradient, and integers are computed as well by their own kernels.
_KEPT = {"Bernoulli", "DynamicQuantizeLinear", "Range", "SequenceMap"}


def expand(model: ir.Model, keep: Container[str]) -> None:
    """Replaces every operator that is not in ``keep`` and has a function body by it, in place.

    Args:
        model: The model; its types are inferred, which some bodies depend on.
        keep: The operators that stay, by their names.
    """
    version = model.opset_imports.get("", 0)
    while True:
        count = 0
        for node in list(model.graph):
            body = None if node.domain or node.op_type in keep or node.op_type in _KEPT else _body(node, version)
            if body is not None:
                _call(model, node, body, f"{node.op_type}_{len(model.functions)}")
                count += 1
        if not count:
            break
        common_passes.InlinePass()(model)
    model.opset_imports.pop(_DOMAIN, None)


def _body(node: ir.Node, version: int) -> onnx.FunctionProto | None:
    """The operator's definition, of the latest version that the model's opset knows; None if it has none."""
    if not onnx.defs.has(node.op_type):
        return None
    schema: Any = onnx.defs.get_schema(node.op_type, version)  # its stub knows nothing of functions
    fixed = [v for v in schema.function_opset_versions if v <= version]
    dependent = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    text: bytes | None = None
    if fixed:
        text = schema.get_function_with_opset_version(max(fixed))
    elif dependent:
        types = [_type(value).SerializeToString() for value in node.inputs]
        proto = ir.to_proto(node).SerializeToString()
        text = schema.get_context_dependent_function_with_opset_version(max(dependent), proto, types)
    return onnx.FunctionProto.FromString(text) if text else None


def _type(value: ir.Value | None) -> onnx.TypeProto:
    if value is None or value.dtype is None:
        return onnx.TypeProto()
    shape = None if value.shape is None else [n if isinstance(n, int) else str(n) for n in value.shape]
    return onnx.helper.make_tensor_type_proto(int(value.dtype), shape)


def _call(model: ir.Model, node: ir.Node, body: onnx.FunctionProto, name: str) -> None:
    """Makes the node a call of the body, to be inlined."""
    body.domain, body.name = _DOMAIN, name
    del body.output[len(node.outputs) :]  # optional ones that the node leaves out
    del body.opset_import[:]
    body.opset_import.append(onnx.helper.make_opsetid("", model.opset_imports[""]))
    for attribute in onnx.defs.get_schema(node.op_type, model.opset_imports[""]).attributes.values():
        if attribute.name not in node.attributes and attribute.default_value.type:
            node.attributes.add(ir.serde.deserialize_attribute(attribute.default_value))
    function = ir.serde.deserialize_function(body)
    model.functions[function.identifier()] = function
    model.opset_imports[_DOMAIN] = 1
    node.domain, node.op_type = _DOMAIN, name
