"""One detection head [N, A, F] of a model whose class scores and boxes are several outputs.

The head is appended to the graph: the outputs of all scales one after the other, and boxes as corners or centres in
pixels of the input. Classes can then be explained as those of any head are, and no runtime needs to know how a network
writes its boxes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from onnxcam.metadata import DetectionHead
from onnxcam_export.errors import ExportError
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.steps import shape_text, static_shape
from onnxcam_export.prepare.boxes import Part, cells_of, in_pixels, joined
from onnxcam_export.read.detection import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.read.detection import HeadOutputs

    Size = tuple[int, int]

HEAD = "onnxcam.head"
_SELECTIONS = {"NonMaxSuppression", "TopK", "NonZero"}
_WITH_WEIGHTS = {"Conv", "ConvTranspose", "MatMul", "Gemm"}


def check_is_raw(value: ir.Value) -> None:
    """Checks that no anchors have been picked from a head.

    Raises:
        ExportError: They have: without a class score for every anchor, nothing can be explained.
    """
    picking = _picking(_nodes_before(value))
    if picking is not None:
        raise ExportError(
            f"{value.name!r} holds boxes that {picking.op_type} picked in the graph ({picking.name!r}), and no class "
            "score for every anchor; export the detector without suppression (Ultralytics: nms=False, "
            "end2end=False), or name the raw head before it with score_output, and give a mapping as detection "
            "whose box says how its boxes are written, which are corners in YOLOv10 and YOLO26 (docs/detection.md)"
        )


def check_box_is_said(graph: ir.Graph, value: ir.Value, fields: Mapping[str, Any]) -> None:
    """Checks that a description says how boxes are written, where the graph picks from the head.

    Heads that end-to-end detectors pick from (YOLOv10, YOLO26, Ultralytics' nms=True) hold corners, others centres and
    sizes, and both look alike.

    Args:
        graph: The graph.
        value: The head, a value of it.
        fields: The fields of its description that the user gave.

    Raises:
        ExportError: The graph picks boxes from the head, and the description leaves ``box`` out.
    """
    for output in () if "box" in fields else graph.outputs:
        nodes = _nodes_before(output)
        picking = _picking(nodes)
        if picking is not None and value.producer() in nodes:
            mapping = json.dumps({**fields, "box": "corners"}, default=str)
            raise ExportError(
                f"{picking.op_type} picks boxes from the head {value.name!r} in the graph, and such heads may hold "
                "corners (YOLOv10, YOLO26) or centres and sizes; say which with a mapping as detection, such as "
                f"{mapping}, or with 'center' as its box"
            )


def _nodes_before(value: ir.Value) -> list[ir.Node]:
    """The nodes that a head is made with, after the last ones with weights, which are included."""
    waiting, seen = [value], dict[ir.Node, None]()
    while waiting:
        node = waiting.pop().producer()
        if node is None or node in seen:
            continue
        seen[node] = None
        if node.op_type not in _WITH_WEIGHTS:
            waiting.extend(x for x in node.inputs if x is not None)
    return list(seen)


def _picking(nodes: Sequence[ir.Node]) -> ir.Node | None:
    """The first that picks boxes."""
    return next((node for node in nodes if node.op_type in _SELECTIONS), None)


def parts_of(head: HeadOutputs, values: Sequence[ir.Value], size: Size) -> list[Part]:
    """The outputs of a head, with their axes.

    Args:
        head: Its description.
        values: The values that ``head.names`` names, with their shapes.
        size: The input's height and width in pixels.

    Raises:
        ExportError: They are not the outputs of such a head.
    """
    strides = several(head.strides) if head.box == "distances" else [None] * head.scales
    cells = [None if stride is None else int(np.prod(cells_of(stride, size))) for stride in strides]
    boxes = [_boxes(*pair) for pair in zip(values[head.scales : 2 * head.scales], cells, strict=True)]
    others = [*values[: head.scales], *values[2 * head.scales :]]
    parts = [_beside(value, boxes[index % head.scales]) for index, value in enumerate(others)]
    if head.objectness and any(part.values != 1 for part in parts[head.scales :]):
        raise ExportError("the objectness of a detection head is one value for each anchor")
    if len({part.values for part in parts[: head.scales]}) > 1:
        raise ExportError("the class scores of a detection head are of different numbers of classes at its scales")
    return [*parts[: head.scales], *boxes, *parts[head.scales :]]


def head_of_outputs(head: HeadOutputs, parts: Sequence[Part]) -> DetectionHead:
    """Where everything is in the head that ``append`` makes."""
    before = 5 if head.objectness else 4
    return DetectionHead(
        anchors=0,
        classes=before,
        count=parts[0].values,
        boxes=0,
        box="center" if head.box in {"center", "offsets"} else "corners",
        objectness=4 if head.objectness else None,
        activation=head.activation,
        background=head.background,
    )


def append(model: ir.Model, head: HeadOutputs, parts: Sequence[Part], size: Size) -> ir.Value:
    """Appends the head to a model, and returns its value, which is called ``HEAD``.

    Args:
        model: A model that has the parts' values, by name.
        head: The head's description.
        parts: Its outputs, perhaps those of the same model before or after it was simplified.
        size: The input's height and width in pixels.

    Raises:
        ExportError: The number of anchors is not that of the priors.
    """
    known = {value.name: value for value in (*model.graph.inputs, *(y for node in model.graph for y in node.outputs))}
    dtype = parts[0].value.dtype or ir.DataType.FLOAT
    op = Builder(model.graph, dtype, HEAD)
    rows = [_rows(op, part, known[part.value.name], dtype) for part in parts]
    scales = head.scales
    boxes = in_pixels(op, head, parts[scales : 2 * scales], rows[scales : 2 * scales], size)
    found = [boxes, *([joined(op, rows[2 * scales :])] if head.objectness else [])]
    value = op.Concat(*found, joined(op, rows[:scales]), axis=2)
    value.name, value.dtype = HEAD, dtype
    model.graph.extend(op.all_nodes)
    return value


def _boxes(value: ir.Value, cells: int | None) -> Part:
    """An output of boxes: four values for each anchor, or, if the cells are known, a multiple of four for each."""
    shape = static_shape(value)
    sizes = (shape[0], int(np.prod(shape[1:])))
    for anchors, values, turns in ((*sizes, False), (*sizes[::-1], True)):
        fits = values == 4 if cells is None else anchors == cells and values % 4 == 0
        if fits and len(shape) in ({2, 3} if turns else {2}):
            return Part(value, anchors, values, turns)
    if cells is not None:
        raise ExportError(
            f"the boxes {value.name!r} have the shape {shape_text(value)}, and its stride makes {cells} cells; give "
            "outputs and strides in the same order, with one anchor in each cell: [N, A, 4 R], [N, 4 R, A] or "
            "[N, 4 R, h, w]"
        )
    raise ExportError(
        f"the boxes {value.name!r} have the shape {shape_text(value)}, and must be [N, A, 4], [N, 4, A] or [N, 4, h, w]"
        " of one anchor in each cell; name the values before they are reshaped or picked, or append their decoding to "
        "the model"
    )


def _beside(value: ir.Value, boxes: Part) -> Part:
    """An output of scores or objectness beside boxes."""
    shape = static_shape(value)
    count = boxes.anchors
    if shape[:1] == (count,) and len(shape) < 3:
        return Part(value, count, int(np.prod(shape[1:])), turns=False)
    if len(shape) in {2, 3} and int(np.prod(shape[1:])) == count:
        return Part(value, count, shape[0], turns=True)
    raise ExportError(
        f"the scores {value.name!r} have the shape {shape_text(value)}, which does not fit the {count} boxes of "
        f"{boxes.value.name!r}"
    )


def _rows(op: Builder, part: Part, value: ir.Value, dtype: ir.DataType) -> ir.Value:
    """[N, A, F]."""
    x = op.Cast(value, to=int(dtype)) if (value.dtype or dtype) != dtype else value
    if not part.turns:
        return op.Reshape(x, [0, part.anchors, part.values])
    return op.Transpose(op.Reshape(x, [0, part.values, part.anchors]), perm=[0, 2, 1])
