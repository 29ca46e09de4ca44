"""Target layers: which values can be one, what the user calls them, and which is the default."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.factors import Extent, is_places
from onnxcam_export.analyse.axes.read_tokens import unread_places
from onnxcam_export.analyse.axes.views import Found, view_of
from onnxcam_export.analyse.bottlenecks import bottlenecks
from onnxcam_export.analyse.default_layer import default_layer
from onnxcam_export.analyse.disconnected import why_disconnected
from onnxcam_export.analyse.head_layers import layers_before_head
from onnxcam_export.analyse.no_map import why_no_map
from onnxcam_export.errors import ScoreError, TargetLayerError
from onnxcam_export.graph.steps import Step, shape_text, values_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.analyse.axes.follow import Axes
    from onnxcam_export.graph.view import View

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"


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
        nodes = [node for node in step_nodes(self._steps) if node.outputs[0] in self._axes]  # those of the image alone
        for name, (value, kind) in module_outputs(nodes).items():
            names.setdefault(value, (name, kind))  # outermost modules come first and keep the name
        defaults = self._before_head(found) if of_head else []
        others = self._before_dense_scores(found)
        defaults = defaults or list(filter(None, [default_layer(self._steps, self.between, others)]))
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
        scores, (_, *sides) = found.get(self._score), self._axes.get(self._score, ((),))
        if scores is None and not (len(sides) == self._rank and all(map(is_places, sides))):
            return found
        channels = 1 if scores is None else scores.view.shape[0]
        return {value: item for value, item in found.items() if item.view.shape[0] != channels} or found

    def notes(self, layers: Mapping[str, ir.Value], *, named: bool) -> list[str]:
        """Remarks on layers that show a part of the image, or that a part of the score is computed from.

        Args:
            layers: The layers by name.
            named: Whether the user chose them.
        """
        notes = []
        found = {name: item for name, value in layers.items() if isinstance(item := self._found(value), Found)}
        for name, item in found.items():
            if item.extent is not Extent.WHOLE:
                what = "is a map with an added border" if item.extent is Extent.BORDER else "shows a part of the image"
                notes.append(
                    f"the layer {name!r} {what}, and its maps are drawn over the whole image; the map before it fits"
                )
        if not named and len(layers) == 1:
            ((name, value),) = layers.items()
            if value not in bottlenecks(self._steps, self.between) and not found[name].view.has_other_tokens:
                notes.append(
                    f"other paths from the image to the score do not go through the layer {name!r}, and its maps show "
                    "nothing of them; name other layers to see them"
                )
        return notes

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


def resolve(name: str, graph: ir.Graph, image: ir.Value) -> ir.Value:
    """The value that a user calls ``name``: a PyTorch module, an ONNX value, or an ONNX node.

    Of a module that runs several times it is the last run that the image has a part in.

    Raises:
        TargetLayerError: There is none, or it is not computed from the image.
    """
    nodes = list(graph)
    computed = _computed_from(image, nodes)
    modules = module_outputs(nodes) | module_outputs(node for node in nodes if computed.issuperset(node.outputs))
    values = {value.name or "": value for node in nodes for value in node.outputs}
    by_node = {node.name or "": node.outputs[0] for node in nodes}
    if name not in modules and name not in values and name not in by_node:
        near = difflib.get_close_matches(name, [*modules, *values], n=3)
        hint = f"; did you mean {' or '.join(near)}" if near else ""
        raise TargetLayerError(
            f"the model has no layer {name!r}, or it never runs{hint}; 'onnxcam layers' lists those it has"
        )
    value = modules[name][0] if name in modules else values.get(name) or by_node[name]
    if value not in computed:
        raise TargetLayerError(
            f"the layer {name!r} is not computed from the image, which is the input {image.name!r}; choose a layer "
            "that is ('onnxcam layers' lists them), or another input with image_input (--input)"
        )
    return value


def _computed_from(image: ir.Value, nodes: Iterable[ir.Node]) -> set[ir.Value]:
    """The image, and the values that are computed from it."""
    found = {image}
    for node in nodes:
        if not found.isdisjoint(node.inputs):
            found.update(node.outputs)
    return found


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
