"""A fixed batch made symbolic, where the user asks for it (``dynamic_batch``)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnxcam_export.errors import ShapeError
from onnxcam_export.graph.constants import constant
from onnxcam_export.graph.steps import is_constant, shape_text

BATCH = "batch"


def make_dynamic(model: ir.Model, image: ir.Value) -> None:
    """Makes the image's fixed batch symbolic, and with it what was exported with the number written out, in place.

    A Reshape to a constant shape that begins with the batch is told to keep the batch instead. Whatever else has the
    number built in shows up when the artifact is verified with two images against the original with one at a time.
    """
    shape = image.shape
    if shape is None or not isinstance(shape[0], int):
        return
    batch = shape[0]
    for value in model.graph.inputs:
        if value.shape is not None and len(value.shape) > 1 and value.shape[0] == batch:
            value.shape = ir.Shape([BATCH, *list(value.shape)[1:]])
    for value in model.graph.outputs:
        if value.shape is not None and len(value.shape) and value.shape[0] == batch:
            value.shape = ir.Shape([BATCH, *list(value.shape)[1:]])
    for node in model.graph:
        if node.op_type == "Reshape" and not node.attributes.get_int("allowzero", 0):
            _keep_batch(model.graph, node, batch)


def require_dynamic(graph: ir.Graph) -> None:
    """Refuses a model whose answers still have a batch of their own, after its shapes were inferred.

    Raises:
        ShapeError: An output's first dimension is a number.
    """
    for value in graph.outputs:
        if value.shape is not None and len(value.shape) and isinstance(value.shape[0], int):
            raise ShapeError(
                f"the batch cannot be made symbolic: the output {value.name!r} stays {shape_text(value)}, because the "
                "model has the number built in; export it from its framework with a dynamic batch, or leave it fixed"
            )


def _keep_batch(graph: ir.Graph, node: ir.Node, batch: int) -> None:
    x, shape = node.inputs
    tensor = ir.convenience.get_const_tensor(shape) if shape is not None else None
    if tensor is None or tensor.size == 0 or is_constant(x):
        return
    target = tensor.numpy().copy()
    if target[0] != batch:
        return
    target[0] = 0  # copies the input's first dimension
    name = f"{node.name or node.outputs[0].name}/keeps_batch"
    node.replace_input_with(1, constant(graph, name, np.asarray(target, np.int64)))
