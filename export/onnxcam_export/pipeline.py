"""The export, from source to artifact: read, prepare, differentiate and assemble, verify."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam import contract
from onnxcam.metadata import Layer, Metadata, Preprocessing, Source
from onnxcam_export.analyse import layers as target_layers
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.analyse.nested_concat import nest
from onnxcam_export.analyse.score import Score, find_score, pooled_features
from onnxcam_export.assemble.outputs import Forward, assemble
from onnxcam_export.errors import ExportError, ScoreError
from onnxcam_export.graph.files import plain_bytes, save, written_at_once
from onnxcam_export.graph.steps import shape_of
from onnxcam_export.prepare.simplify import prepare
from onnxcam_export.read import image_input as image_side
from onnxcam_export.read.source import Original, read
from onnxcam_export.report import ExportReport
from onnxcam_export.verify.verify import golden
from onnxcam_export.verify.verify import verify as verify_artifact

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence


def export(
    source: Any,
    path: str | os.PathLike[str],
    *,
    input_shape: Sequence[int] | None = None,
    layers: str | Sequence[str] | Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    score_output: str | int | None = None,
    flat: bool = False,
    verify: bool = True,
    image_input: str | None = None,
    dynamic_batch: bool = False,
) -> ExportReport:
    """Writes an explainer model: one .onnx file that answers as the source does and can explain its answers.

    Args:
        source: A ``torch.nn.Module``, a ``torch.export.ExportedProgram``, the path of an .onnx file, or an
            ``onnx.ModelProto``.
        path: Where the artifact goes. It is written only if everything succeeded.
        input_shape: The image input's shape, [N, C, H, W] or [C, H, W] (an ONNX model's in its own layout, or only
            [H, W]). N is not looked at; height and width are fixed. None takes 3 x 224 x 224 for a module, and what
            the model itself says otherwise.
        layers: The target layers, each a PyTorch module's path (its last run), an ONNX value or an ONNX node; the
            first is the default at run time. A mapping gives each a name of its own, ``{"head": "net.blocks.15"}``.
            None takes the last spatial feature map on the way to the score.
        labels: The C class names.
        preprocessing: How a photograph becomes the input; a ``Preprocessing`` or its fields. None takes the
            customary ImageNet values for an input of three channels and says so.
        score_output: The output that holds the class scores: its name, a dict's key, or a tuple's index. None takes
            the first output behind a softmax or sigmoid, or else the first shaped [N, C]. A softmax or sigmoid is
            looked through.
        flat: Leave out the gates, for execution providers without ``If``: everything is computed at every call.
        verify: Compare the artifact, in ONNX Runtime, with the source, and fail above tolerance.
        image_input: An ONNX model's input that takes the image; None where only one can be it. Others stay inputs.
        dynamic_batch: Make an ONNX model's fixed batch symbolic. Without it the batch stays as it is, and targets are
            one for each image, or one for all, or, where the batch is 1, any number.

    Returns:
        What was exported, what was compared, and how closely it agreed.

    Raises:
        ExportError: The model cannot be exported; its subclasses (``onnxcam_export.errors``) say why.
        OutputError: The path cannot be written.
    """
    path = Path(path)
    seconds: dict[str, float] = {}
    with written_at_once(path) as temporary:
        with _stage("exporting", seconds):
            origin = read(source, input_shape, image_input=image_input, dynamic_batch=dynamic_batch)
        with _stage("differentiating", seconds):
            forward = _prepare(origin, _by_name(layers), score_output)
            check = origin.check(forward) if verify else None
            metadata = _describe(origin, forward, labels, preprocessing, flat=flat)
            common_passes.ClearMetadataAndDocStringPass()(origin.model)  # stack traces with the user's paths
            plain_size = plain_bytes(forward.model)
            assemble(forward, flat=flat)
            size = _save(forward.model, metadata, temporary)
        with _stage("verifying", seconds):
            onnx.checker.check_model(str(temporary), full_check=True)
            if check is not None:
                metadata = replace(
                    metadata,
                    verification=verify_artifact(temporary, metadata, check, origin.reference_name),
                    golden=golden(temporary, metadata) if _takes_the_image_alone(forward.model.graph) else None,
                )
                size = _save(forward.model, metadata, temporary)
    return ExportReport(path, metadata, size, plain_size, seconds)


def candidates(
    source: Any,
    *,
    input_shape: Sequence[int] | None = None,
    score_output: str | int | None = None,
    image_input: str | None = None,
) -> list[target_layers.Candidate]:
    """The layers of a source that can be explained at, in order (``onnxcam layers`` prints them).

    Raises:
        ExportError: The source cannot be read, or has no scores.
    """
    origin = read(source, input_shape, image_input=image_input)
    graph = origin.model.graph
    prepare(origin.model)
    image = image_side.differentiable(graph, _image(origin))
    score = find_score(graph, origin.output_name(score_output))
    return target_layers.candidates(forward_steps(graph), image, score.value)


def _image(origin: Original) -> ir.Value:
    """The graph input that takes the image."""
    return next(value for value in origin.model.graph.inputs if origin.image in {None, value.name})


def _by_name(layers: str | Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """The layers that the user asked for, by the names they go by."""
    if layers is None:
        return {}
    if isinstance(layers, str):
        return {layers: layers}
    return dict(layers) if isinstance(layers, Mapping) else {name: name for name in layers}


def _prepare(origin: Original, layers: Mapping[str, str], score_output: str | int | None) -> Forward:
    """The forward pass ready to be differentiated, with scores and target layers found."""
    graph = origin.model.graph
    wanted = origin.output_name(score_output)
    kept = prepare(origin.model, [target_layers.resolve(name, graph, _image(origin)) for name in layers.values()])
    _name_batch(graph, _image(origin))
    image_side.describe(_image(origin))  # refuses what is no image of known size
    image = image_side.differentiable(graph, _image(origin))
    score = find_score(graph, wanted)
    steps = nest(forward_steps(graph, visible=kept))
    found = target_layers.candidates(steps, image, score.value)
    if layers:
        chosen = dict(zip(layers, kept, strict=True))
    else:
        chosen = {candidate.name: candidate.value for candidate in found if candidate.is_default}
    if not chosen:
        raise ScoreError(
            "no spatial feature map, [N, K, h, w] with more than one position, lies between the image and the score; "
            "give a larger input_shape (--input-size), or name a layer"
        )
    return Forward(origin.model, steps, image, score, chosen)


def _describe(
    origin: Original,
    forward: Forward,
    labels: Sequence[str] | None,
    preprocessing: Preprocessing | Mapping[str, Any] | None,
    *,
    flat: bool,
) -> Metadata:
    """The metadata, but for what only the finished artifact can tell."""
    image, score = image_side.describe(_image(origin)), forward.score
    features = pooled_features(score.value)
    return Metadata(
        image=image,
        layers=tuple(
            Layer(name, value.name or "", tuple(int(dim) for dim in shape_of(value)[1:] if dim is not None))
            for name, value in forward.layers.items()
        ),
        cam_layer=next((name for name, value in forward.layers.items() if value is features), None),
        classes=score.classes,
        labels=_checked_labels(labels, score),
        score_value=score.value.name or "",
        score_activation=score.activation,
        flat=flat,
        preprocessing=image_side.preprocessing(preprocessing, image),
        source=Source(
            origin.kind,
            origin.name,
            ", ".join((f"onnxcam-export {importlib.metadata.version('onnxcam-export')}", *origin.made_with)),
        ),
    )


def _checked_labels(labels: Sequence[str] | None, score: Score) -> tuple[str, ...] | None:
    if labels is not None and len(labels) != score.classes:
        raise ExportError(f"{len(labels)} labels were given for {score.classes} classes; give one for each, in order")
    return None if labels is None else tuple(labels)


def _name_batch(graph: ir.Graph, image: ir.Value) -> None:
    """Calls the symbolic batch "batch" throughout, whatever the exporter called it."""
    shape = image.shape
    if shape is None or not len(shape) or isinstance(shape[0], int) or shape[0].value is None:
        return
    old = shape[0].value
    values = [*graph.inputs, *(value for node in graph for value in node.outputs)]
    for value in values:
        if value.shape is not None and any(getattr(dim, "value", None) == old for dim in value.shape):
            value.shape = ir.Shape(["batch" if getattr(dim, "value", dim) == old else dim for dim in value.shape])


def _takes_the_image_alone(graph: ir.Graph) -> bool:
    """Whether the image is all that a caller has to give; the golden check has nothing to feed other inputs."""
    return sum(value.name not in graph.initializers for value in graph.inputs) == 1


def _save(model: ir.Model, metadata: Metadata, path: Path) -> int:
    model.metadata_props[contract.METADATA_KEY] = metadata.to_json()
    return save(model, path)


@contextlib.contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Times a part of the export, and says on a terminal that it is under way."""
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 — only where somebody looks

            stack.enter_context(Console(stderr=True).status(f"{name} …"))
        yield
    seconds[name] = time.perf_counter() - start
