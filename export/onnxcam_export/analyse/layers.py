"""Target layers: which values can be one, what the user calls them, and which is the default."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam_export.analyse.spatial_maps import with_places
from onnxcam_export.errors import ScoreError, TargetLayerError
from onnxcam_export.graph.steps import Step, shape_of, shape_text, values_between
from onnxcam_export.read.image_input import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnx_ir as ir

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that can be a target layer.

    Attributes:
        name: The PyTorch module whose output it is, or else the ONNX value.
        kind: The module's class, or else the operator.
        value: The value.
        shape: Its shape without the batch, [K, h, w].
        is_default: Whether it is taken where the user names none.
    """

    name: str
    kind: str
    value: ir.Value
    shape: tuple[int, ...]
    is_default: bool = False


def candidates(steps: Sequence[Step], image: ir.Value, score: ir.Value) -> list[Candidate]:
    """Every spatial feature map on the way from the image to the score, in order.

    Raises:
        ScoreError: The score does not depend on the image.
    """
    between = values_between(steps, score, [image])
    if score not in between:
        raise ScoreError(
            f"the score {score.name!r} does not depend on the input {image.name!r} in a differentiable way; "
            "name another output with score_output (--score-output), or another input with --input"
        )
    last = channels_last(steps, image)
    maps = [y for step in steps for y in step.outputs if y in between and is_spatial(y) and y not in last]
    modules = module_outputs(step_nodes(steps))
    names: dict[ir.Value, tuple[str, str]] = {}
    for name, (value, kind) in modules.items():  # outermost modules come first and keep the name
        names.setdefault(value, (name, kind))
    places = with_places(steps)
    default = _default([value for value in maps if value in places]) or _default(maps)
    return [
        Candidate(*names.get(value, (value.name or "", _kind(value))), value, _shape(value), value is default)
        for value in maps
    ]


def resolve(name: str, graph: ir.Graph, image: ir.Value) -> ir.Value:
    """The value that a user calls ``name``: a PyTorch module (its last run), an ONNX value, or an ONNX node.

    Raises:
        TargetLayerError: There is none, or it is not a map with its channels first.
    """
    nodes = list(graph)
    modules = module_outputs(nodes)
    values = {value.name or "": value for node in nodes for value in node.outputs}
    by_node = {node.name or "": node.outputs[0] for node in nodes}
    if name in modules:
        value = modules[name][0]
    elif name in values or name in by_node:
        value = values.get(name) or by_node[name]
    else:
        near = difflib.get_close_matches(name, [*modules, *values], n=3)
        hint = f"; did you mean {' or '.join(near)}" if near else ""
        raise TargetLayerError(
            f"the model has no layer {name!r}, or it never runs{hint}; 'onnxcam layers' lists those it has"
        )
    if not is_spatial(value):
        raise TargetLayerError(
            f"the layer {name!r} has the shape {shape_text(value)} and is not spatial; "
            "choose one with a map, [N, K, h, w] ('onnxcam layers' lists them)"
        )
    if value in channels_last([Step.of(node) for node in nodes], image):
        raise TargetLayerError(
            f"the layer {name!r} has its channels last, {shape_text(value)}; choose one with a map, [N, K, h, w], "
            "in front of the Transpose ('onnxcam layers' lists them)"
        )
    return value


def channels_last(steps: Sequence[Step], image: ir.Value) -> set[ir.Value]:
    """The values that are laid out as [N, h, w, K]: after an image of that layout, or after a Transpose to it."""
    last = {image} if image.shape is not None and layout_of(shape_of(image)) == "NHWC" else set()
    for step in steps:
        if step.op_type == "Transpose":
            if list(step.attributes.get("perm", ())) == _TO_CHANNELS_LAST and step.x not in last:
                last.add(step.y)
        elif last.intersection(step.inputs):
            last.update(y for y in step.outputs if y.shape is not None and len(y.shape) == 4)
    return last


_TO_CHANNELS_LAST = [0, 2, 3, 1]


def module_outputs(nodes: Iterable[ir.Node]) -> dict[str, tuple[ir.Value, str]]:
    """The output of each PyTorch module's last run, with the module's class, outermost modules first.

    PyTorch's exporter notes on every node the modules it ran in.
    """
    members: dict[str, list[ir.Node]] = {}
    kinds: dict[str, str] = {}
    scopes: dict[ir.Node, list[str]] = {}
    for node in nodes:
        scopes[node] = _listed(node, _SCOPES)[:-1]
        classes = _listed(node, _CLASSES)
        for index, scope in enumerate(scopes[node]):
            if scope:
                members.setdefault(scope, []).append(node)
                kinds.setdefault(scope, classes[index].rpartition(".")[2] if index < len(classes) else "")
    outputs = {}
    for scope in sorted(members, key=lambda scope: scope.count(".")):
        leaving = [node for node in members[scope] if _leaves(node, scope, scopes)]
        if leaving:
            outputs[scope] = (leaving[-1].outputs[0], kinds[scope])
    return outputs


def is_spatial(value: ir.Value) -> bool:
    """Whether the value is a feature map, [N, K, h, w] with more than one position."""
    if value.shape is None or value.dtype is None or not value.dtype.is_floating_point():
        return False
    _, *size = shape_of(value) if len(value.shape) else (None,)
    return len(size) == 3 and None not in size and min(size[1], size[2]) > 1  # type: ignore[type-var, operator]


def step_nodes(steps: Sequence[Step]) -> list[ir.Node]:
    """The nodes that write the steps' outputs, in order."""
    return [node for step in steps if (node := step.y.producer()) is not None]


def _default(maps: Sequence[ir.Value]) -> ir.Value | None:
    """The last map, but for pooling by windows of one element, which PyTorch's adaptive pooling can come out as."""
    for value in reversed(maps):
        node = value.producer()
        if node is not None and node.op_type == "AveragePool" and set(Step.of(node).attributes["kernel_shape"]) == {1}:
            continue
        return value
    return None


def _shape(value: ir.Value) -> tuple[int, ...]:
    return tuple(dim for dim in shape_of(value)[1:] if dim is not None)


def _kind(value: ir.Value) -> str:
    node = value.producer()
    return node.op_type if node is not None else ""


def _listed(node: ir.Node, key: str) -> list[str]:
    return list(ast.literal_eval(node.metadata_props.get(key, "[]")))


def _leaves(node: ir.Node, scope: str, scopes: dict[ir.Node, list[str]]) -> bool:
    """Whether something outside of the module reads the node's output."""
    readers = [use.node for use in node.outputs[0].uses()]
    return node.outputs[0].is_graph_output() or any(scope not in scopes.get(reader, ()) for reader in readers)
