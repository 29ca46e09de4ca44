"""One form for the graphs of all producers: one opset, fixed sizes, explicit padding; the answers stay.

General clean-up (constant folding, batch norm into convolution) is in ``onnxcam_export.prepare.simplify``, for graphs
of every source. Here is what only graphs by others need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx.defs
import onnx_ir as ir
import onnx_ir.passes.common as common_passes
from onnxscript.version_converter import ConvertVersionPass

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.library_logs import silenced
from onnxcam_export.graph.opset import IR_VERSION, OPSET
from onnxcam_export.graph.steps import Step
from onnxcam_export.read.files.ceil_mode import cut_padding
from onnxcam_export.read.files.classical_operators import write_plainly
from onnxcam_export.read.files.dynamic_batch import BATCH, make_dynamic, require_dynamic
from onnxcam_export.read.files.explicit_padding import make_explicit
from onnxcam_export.read.files.function_opsets import align_functions
from onnxcam_export.read.files.fused_operators import unfuse
from onnxcam_export.read.files.group_normalization import normalise_by_groups
from onnxcam_export.read.files.old_resize import resized_the_old_way, state_coordinates
from onnxcam_export.read.files.training_mode import leave_training, state_training
from onnxcam_export.read.image_input import find_image, fix_size

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_standard_form(
    model: ir.Model,
    *,
    input_shape: Sequence[int] | None = None,
    image_input: str | None = None,
    dynamic_batch: bool = False,
) -> str:
    """Brings a model into the form that the export works on, in place.

    Args:
        model: Of any producer, opset and IR version.
        input_shape: The image input's shape in its own layout, with or without the batch, or [H, W].
        image_input: The input that takes the image; None where only one can be it.
        dynamic_batch: Make a fixed batch symbolic.

    Returns:
        The name of the image input.

    Raises:
        SourceError: An operator's version cannot be upgraded, or the model is in training mode or computes in
            integers.
        ShapeError: The image's size is not known, or is fixed to something else than ``input_shape``; or the batch
            cannot be made symbolic.
    """
    align_functions(model)
    common_passes.InlinePass()(model)
    unfuse(model.graph)
    common_passes.RemoveInitializersFromInputsPass()(model)
    common_passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    _refuse_integer_kernels(model.graph)
    _refuse_optional_values(model.graph)
    model.ir_version = max(model.ir_version or 0, IR_VERSION)
    normalise_by_groups(model)
    state_training(model)
    upgrade(model)
    write_plainly(model.graph)
    image = find_image(model.graph, image_input)
    fix_size(image, input_shape)
    if dynamic_batch:
        make_dynamic(model, image)
    infer_shapes(model)
    leave_training(model)
    if make_explicit(model.graph):
        infer_shapes(model)
    while cut_padding(model.graph):
        infer_shapes(model)
    if dynamic_batch:
        require_dynamic(model.graph)
    return image.name or ""


def upgrade(model: ir.Model) -> None:
    """Brings the default domain's operators to opset 20, with the standard version converter; newer ones stay.

    Raises:
        SourceError: The converter knows no way.
    """
    opset = model.opset_imports.get("", model.opset_imports.get("ai.onnx", 0))
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise SourceError(f"the model needs opset {opset}, and the installed onnx knows up to {newest}; upgrade onnx")
    if opset >= OPSET:
        return
    resized = resized_the_old_way(model.graph, opset)
    with silenced() as reasons:
        ConvertVersionPass(target_version=OPSET, fallback=True)(model)
    if model.opset_imports.get("") != OPSET:
        raise SourceError(
            f"the model's operators cannot be upgraded from opset {opset} to {OPSET}: {''.join(reasons)}; "
            "export the model again with a newer opset"
        )
    state_coordinates(model.graph, resized)


def infer_shapes(model: ir.Model) -> None:
    """Infers all shapes anew; what the file says of them may be of another size, another batch, or wrong.

    What a graph output's declaration says is kept where nothing can be inferred.
    """
    declared = {value: value.shape for value in model.graph.outputs}
    for node in model.graph:
        for value in node.outputs:
            value.shape = None
    with silenced():
        common_passes.ShapeInferencePass(strict_mode=False)(model)
    for value, shape in declared.items():
        if value.shape is None:
            value.shape = shape
        elif shape is not None and len(shape) and not isinstance(value.shape[0], int) and not isinstance(shape[0], int):
            value.shape = ir.Shape([BATCH, *list(value.shape)[1:]])


def _refuse_integer_kernels(graph: ir.Graph) -> None:
    """Operators that are fused with their quantisation take and give integers, and have no gradient.

    Raises:
        SourceError: There are some.
    """
    fused = {node.op_type for node in graph if node.op_type.startswith("QLinear") or node.op_type.endswith("Integer")}
    if fused:
        raise SourceError(
            f"the model computes in integers ({', '.join(sorted(fused))}), which have no gradient; quantise it with "
            "QuantizeLinear and DequantizeLinear instead (ONNX Runtime's QuantFormat.QDQ), which keeps integer kernels"
        )


def _refuse_optional_values(graph: ir.Graph) -> None:
    """What may be a tensor or nothing has no shape that could be known at export.

    Raises:
        SourceError: There are such values.
    """
    node = next((node for node in graph if node.op_type.startswith("Optional") and not node.domain), None)
    if node is not None:
        raise SourceError(
            f"optional values are not supported, and {Step.of(node)} has one; export the model with the tensor itself"
        )
