"""Completes the shapes that ONNX's inference leaves unknown because the batch is unknown.

Inference cannot divide by an unknown batch. Many exporters write a flattening as Shape, Gather, Concat and Reshape,
after which every shape is unknown. So the shapes are inferred twice, with two batch sizes as numbers. A size that is
the same in both is fixed, and a size that grows with the batch is the batch. Likewise, integers that the graph computes
from shapes become constants if they do not depend on the batch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam_export.graph.constants import constant
from onnxcam_export.graph.counting import first_of
from onnxcam_export.graph.fold_constants import fold_constants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Two numbers without a common factor that are unlikely as sizes in a network.
_BATCHES = (149, 151)

# Operators whose output has the shape of their input, but for which ONNX has no inference.
_SAME_SHAPE = {"GroupNormalization"}


def complete_shapes(model: ir.Model) -> dict[str, int]:
    """Completes unknown shapes, and replaces integers that do not depend on the batch by constants, in place.

    Returns:
        Of integers that count up by 1 whatever the batch is, the first, by their names; constants are not among them.
    """
    values = [value for node in model.graph for value in node.outputs]
    computed = any(node.op_type in {"Shape", "Size"} for node in model.graph)
    if not computed and all(value.shape is not None and value.shape.is_static() for value in values):
        return {}
    batch = _batch(model.graph)
    known = all(value.shape is not None and _is_known(value.shape, batch) for value in values)
    if known and not computed:
        return {}
    trials = [_trial(model, batch, size) for size in (_BATCHES if batch is not None else _BATCHES[:1])]
    firsts = {}
    for value in values:
        found = [trial[value.name or ""] for trial in trials if value.name in trial]
        if len(found) == len(trials):
            _settle(model.graph, value, batch, found)
            if found[0].first is not None and all(trial.first == found[0].first for trial in found):
                firsts[value.name or ""] = found[0].first
    if fold_constants(model):  # what is computed from the new constants
        state_constant_shapes(model.graph)
        common_passes.ShapeInferencePass(check_type=False, strict_mode=False)(model)
    return firsts


def state_constant_shapes(graph: ir.Graph) -> None:
    """Gives every constant its own shape: folding can leave it unknown, or a symbol of the folded expression."""
    for value in graph.initializers.values():
        if value.const_value is not None and not value.is_graph_input():
            value.shape = ir.Shape(value.const_value.shape.numpy())


def _batch(graph: ir.Graph) -> str | None:
    """The symbol of the first input's batch; None if it is fixed."""
    shape = graph.inputs[0].shape
    return None if shape is None or not len(shape) or isinstance(shape[0], int) else shape[0].value


def _is_known(shape: ir.Shape, batch: str | None) -> bool:
    return all(isinstance(size, int) or (batch is not None and size.value == batch) for size in shape)


class Found(NamedTuple):
    """What is known of a value for one batch size.

    Attributes:
        shape: Its shape.
        numbers: Its elements, of a short list of integers.
        first: Of integers that count up by 1, in the order of the array, the first.
    """

    shape: tuple[int, ...] | None
    numbers: npt.NDArray[Any] | None
    first: int | None


def _trial(model: ir.Model, batch: str | None, size: int) -> Mapping[str, Found]:
    """The shape of every value, and the integers computed from shapes, for one batch size."""
    trial = model.clone()
    for value in trial.graph.inputs:
        if value.shape is not None and batch is not None:
            value.shape = ir.Shape([size if getattr(n, "value", n) == batch else n for n in value.shape])
    for node in trial.graph:
        if node.op_type in _SAME_SHAPE:
            node.op_type, node.domain = "Identity", ""
            node.resize_inputs(1)
            node.attributes.clear()
        for value in node.outputs:
            value.shape = None
    for value in trial.graph.outputs:
        value.shape = None
    modified = True
    while modified:  # folding lets more shapes be inferred, and shapes let more be folded
        state_constant_shapes(trial.graph)
        common_passes.ShapeInferencePass(check_type=False, strict_mode=False)(trial)
        modified = fold_constants(trial, indices=True)
    found: dict[str, Found] = {}
    for value in [*trial.graph.initializers.values(), *(value for node in trial.graph for value in node.outputs)]:
        shape = None
        if value.shape is not None and value.shape.is_static():
            shape = tuple(n for n in value.shape if isinstance(n, int))
        tensor = ir.convenience.get_const_tensor(value)
        numbers = tensor.numpy() if tensor is not None and tensor.dtype == ir.DataType.INT64 else None
        small = numbers is not None and numbers.size <= 64
        found[value.name or ""] = Found(
            shape, numbers if small else None, None if numbers is None else first_of(numbers)
        )
    return found


def _settle(graph: ir.Graph, value: ir.Value, batch: str | None, found: Sequence[Found]) -> None:
    """Sets the shape of a value, or replaces it by a constant, where all trials agree."""
    shapes = [trial.shape for trial in found if trial.shape is not None]
    if len(shapes) == len(found):
        value.shape = ir.Shape([_size(sizes, batch) for sizes in zip(*shapes, strict=True)])
    numbers = [trial.numbers for trial in found if trial.numbers is not None]
    if len(numbers) == len(found) and all(np.array_equal(numbers[0], number) for number in numbers):
        if value.is_graph_output():
            return
        value.replace_all_uses_with(constant(graph, f"{value.name}/constant", numbers[0]))


def _size(sizes: Sequence[int], batch: str | None) -> int | str | None:
    """One size from those of the trials: a number, the batch or a multiple of it; None if it is neither."""
    if len(set(sizes)) == 1:
        return sizes[0]
    times = [size / batch_size for size, batch_size in zip(sizes, _BATCHES, strict=True)]
    if times[0] != times[1]:
        return None
    return batch if times[0] == 1 else f"{math.floor(times[0])}*{batch}" if times[0].is_integer() else None
