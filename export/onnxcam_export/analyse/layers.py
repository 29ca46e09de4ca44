"""Target layers: which values can be one, what the user calls them, and which is the default."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.read_tokens import unread_places
from onnxcam_export.analyse.axes.views import Found, view_of
from onnxcam_export.analyse.disconnected import why_disconnected
from onnxcam_export.analyse.head_layers import layers_before_head
from onnxcam_export.analyse.no_map import why_no_map
from onnxcam_export.errors import ScoreError, TargetLayerError
from onnxcam_export.graph.steps import Step, is_constant, shape_text, values_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.analyse.axes.follow import Axes
    from onnxcam_export.graph.view import View

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"

_MOVERS = frozenset(("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Slice", "Split", "Gather"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that can be a target layer.

    Attributes:
        name: The PyTorch module whose output it is, or else the ONNX value.
        kind: The module's class, or else the operator.
        value: The value.
        view: How it becomes [N, K, *places].
        is_default: Whether it is taken where the user names none.
    """

    name: str
    kind: str
    value: ir.Value
    view: View
    is_default: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape without the batch, [K, *places]."""
        return self.view.shape


class Maps:
    """The feature maps between the image and the score.

    Attributes:
        between: The values between them.
    """

    def __init__(self, steps: Sequence[Step], axes: Axes, image: ir.Value, score: ir.Value, rank: int) -> None:
        """Finds them.

        Args:
            steps: The forward pass.
            axes: The axes of all values that are computed from the image.
            image: The image input.
            score: The scores.
            rank: The number of the image's axes of places.

        Raises:
            ScoreError: The score does not depend on the image.
        """
        self.between = values_between(steps, score, [image])
        if score not in self.between:
            raise ScoreError(why_disconnected(steps, image, score))
        self._steps, self._axes, self._image, self._rank, self._score = steps, axes, image, rank, score
        self._unread = unread_places(steps, axes, score)

    def candidates(self, *, of_head: bool = False) -> list[Candidate]:
        """All maps in order.

        Args:
            of_head: Whether the scores are a detection head, so that the defaults are the maps that feed it, one for
                each scale. Otherwise one map is the default.
        """
        values = [y for step in self._steps for y in step.outputs if y in self.between and _is_floating(y)]
        found = {value: view for value in values if isinstance(view := self._found(value), Found)}
        names: dict[ir.Value, tuple[str, str]] = {}
        for name, (value, kind) in module_outputs(step_nodes(self._steps)).items():
            names.setdefault(value, (name, kind))  # outermost modules come first and keep the name
        defaults = self._before_head(found) if of_head else []
        defaults = defaults or list(filter(None, [_default(self._before_dense_scores(found))]))
        return [
            Candidate(*names.get(value, (value.name or "", _kind(value))), value, item.view, value in defaults)
            for value, item in found.items()
        ]

    def _before_head(self, found: Mapping[ir.Value, Found]) -> list[ir.Value]:
        places = {value: item.view.shape[1:] for value, item in found.items() if item.certain}
        return layers_before_head(self._steps, self.between, places)

    def _before_dense_scores(self, found: Mapping[ir.Value, Found]) -> Mapping[ir.Value, Found]:
        """The maps without those that are the scores of every place, before or after they are resized.

        All are left if the scores are of classes, or if nothing else is.
        """
        scores = found.get(self._score)
        if scores is None:
            return found
        channels = scores.view.shape[0]
        return {value: item for value, item in found.items() if item.view.shape[0] != channels} or found

    def view(self, name: str, value: ir.Value) -> View:
        """The view of a layer that the user named.

        Raises:
            TargetLayerError: It is no map.
        """
        found = self._found(value)
        if isinstance(found, Found) and _is_floating(value):
            return found.view
        reason = found if isinstance(found, str) else f"is of type {value.dtype}"
        raise TargetLayerError(
            f"the layer {name!r} {reason}; choose one with a map, [N, K, h, w] in any layout ('onnxcam layers' lists "
            "them)"
        )

    def _found(self, value: ir.Value) -> Found | str:
        if value in self._unread:
            return (
                "has places that the score is not computed from, only the class token, so that their gradient is zero"
            )
        found = view_of(value, self._axes.get(value), self._image, self._rank)
        if isinstance(found, Found) and found.is_single:
            return f"has the shape {shape_text(value)}, a single place"
        return found

    def why_none(self, *, fixed: bool) -> str:
        """Why there are no maps; ``fixed`` if the model fixes the image's size."""
        views = (view_of(value, self._axes.get(value), self._image, self._rank) for value in self.between)
        single = any(isinstance(found, Found) and found.certain and found.is_single for found in views)
        return why_no_map(self._steps, self.between, self._image, single_places=single, fixed=fixed)


def resolve(name: str, graph: ir.Graph) -> ir.Value:
    """The value that a user calls ``name``: a PyTorch module (its last run), an ONNX value, or an ONNX node.

    Raises:
        TargetLayerError: There is none.
    """
    nodes = list(graph)
    modules = module_outputs(nodes)
    values = {value.name or "": value for node in nodes for value in node.outputs}
    by_node = {node.name or "": node.outputs[0] for node in nodes}
    if name in modules:
        return modules[name][0]
    if name in values or name in by_node:
        return values.get(name) or by_node[name]
    near = difflib.get_close_matches(name, [*modules, *values], n=3)
    hint = f"; did you mean {' or '.join(near)}" if near else ""
    raise TargetLayerError(
        f"the model has no layer {name!r}, or it never runs{hint}; 'onnxcam layers' lists those it has"
    )


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


def step_nodes(steps: Sequence[Step]) -> list[ir.Node]:
    """The nodes that write the steps' outputs, in order."""
    return [node for step in steps if (node := step.y.producer()) is not None]


def _default(found: Mapping[ir.Value, Found]) -> ir.Value | None:
    """The last map that computes something: the last block's output, or its norm.

    Left out, as long as there are others, are maps whose places are not certain; values that only move the elements of
    another map; and linear layers, since what is the layer's own stands before their projection to queries and keys.
    """
    certain = [value for value, item in found.items() if item.certain] or list(found)
    own = [value for value in certain if not _moves(value, found) and not _projects(value)]
    return next(reversed(own or certain), None)


def _moves(value: ir.Value, found: Mapping[ir.Value, Found]) -> bool:
    """Whether the value has the elements of another map, or is pooled by windows of one element."""
    node = value.producer()
    x = node.inputs[0] if node is not None else None
    if node is None or x is None or x not in found or found[x].view.shape != found[value].view.shape:
        return False
    single = node.op_type == "AveragePool" and set(Step.of(node).attributes["kernel_shape"]) == {1}
    return single or node.op_type in _MOVERS


def _projects(value: ir.Value) -> bool:
    """Whether the value is a linear layer's, with or without its bias."""
    node = value.producer()
    if node is not None and node.op_type == "Add" and sum(map(is_constant, node.inputs)) == 1:
        x = next(x for x in node.inputs if not is_constant(x))
        node = x.producer() if x is not None else None
    return node is not None and node.op_type in {"MatMul", "Gemm"} and any(map(is_constant, node.inputs[:2]))


def _is_floating(value: ir.Value) -> bool:
    return value.dtype is not None and value.dtype.is_floating_point()


def _kind(value: ir.Value) -> str:
    node = value.producer()
    return node.op_type if node is not None else ""


def _listed(node: ir.Node, key: str) -> list[str]:
    return list(ast.literal_eval(node.metadata_props.get(key, "[]")))


def _leaves(node: ir.Node, scope: str, scopes: dict[ir.Node, list[str]]) -> bool:
    """Whether something outside of the module reads the node's output."""
    readers = [use.node for use in node.outputs[0].uses()]
    return node.outputs[0].is_graph_output() or any(scope not in scopes.get(reader, ()) for reader in readers)
