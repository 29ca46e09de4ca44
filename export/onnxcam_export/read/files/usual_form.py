"""Writes in the usual form what some files write in another, before anything else opens them.

1. ``ai.onnx`` is another name of the default domain, which the libraries know by its empty name.
2. A size of 0 or -1 stands for one that is not known; ONNX Runtime would take only images of that size.
3. Inner values whose names belong to the contract get other names. Inputs and outputs keep theirs, so they are refused.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from onnxcam import contract
from onnxcam_export.errors import SourceError
from onnxcam_export.read.files.dynamic_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    Body = onnx.GraphProto | onnx.FunctionProto

_DEFAULT_DOMAIN = "ai.onnx"
# What the export's own names begin with.
_RESERVED = (contract.PREFIX, "onnxcam/")


def to_usual_form(proto: onnx.ModelProto) -> None:
    """Does all of it, in place.

    Raises:
        SourceError: An input or output has a name of the contract.
    """
    bodies = [body for whole in (proto.graph, *proto.functions) for body in _with_subgraphs(whole)]
    _name_default_domain(proto, bodies)
    _free_unknown_sizes(proto.graph)
    _rename_reserved(proto.graph, bodies)


def _with_subgraphs(body: Body) -> Iterator[Body]:
    yield body
    for node in body.node:
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _with_subgraphs(graph)


def _name_default_domain(proto: onnx.ModelProto, bodies: list[Body]) -> None:
    for holder in (proto, *proto.functions):
        named = {opset.domain for opset in holder.opset_import}
        for opset in list(holder.opset_import):
            if opset.domain == _DEFAULT_DOMAIN and "" in named:
                holder.opset_import.remove(opset)
            elif opset.domain == _DEFAULT_DOMAIN:
                opset.domain = ""
    for body in bodies:
        for node in body.node:
            if node.domain == _DEFAULT_DOMAIN:
                node.domain = ""


def _free_unknown_sizes(graph: onnx.GraphProto) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.name in weights:
            continue
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.HasField("dim_value") and size.dim_value <= 0:
                size.Clear()
                if axis == 0 and value in graph.input:
                    size.dim_param = BATCH


def _rename_reserved(graph: onnx.GraphProto, bodies: list[Body]) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    for kind, values in (("an input", graph.input), ("an output", graph.output)):
        for value in values:
            if value.name.startswith(_RESERVED) and value.name not in weights:
                raise SourceError(
                    f"the model has {kind} named {value.name!r}, and explainer models use such names for what they "
                    "add; rename it"
                )
    names = {name for body in bodies for node in body.node for name in (*node.input, *node.output)} | weights
    if not any(name.startswith(_RESERVED) for name in names):
        return
    tried = (f"original{number or ''}." for number in count())
    prefix = next(prefix for prefix in tried if not any(name.startswith(prefix) for name in names))
    for body in bodies:
        _rename(body, prefix)


def _rename(body: Body, prefix: str) -> None:
    """Puts a prefix before every reserved name of a body."""
    for node in body.node:
        for names in (node.input, node.output):
            names[:] = [prefix + name if name.startswith(_RESERVED) else name for name in names]
    if hasattr(body, "initializer"):
        named = (*body.initializer, *body.input, *body.output, *body.value_info)
        for item in (*named, *(tensor.values for tensor in body.sparse_initializer)):
            if item.name.startswith(_RESERVED):
                item.name = prefix + item.name
    else:
        for names in (body.input, body.output):
            names[:] = [prefix + name if name.startswith(_RESERVED) else name for name in names]
