"""The export, from source to artifact: read, prepare, analyse, differentiate and assemble, verify."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir.passes.common as common_passes

from onnxcam import contract
from onnxcam.files import check_is_no_source, identities
from onnxcam.levels import AT_INPUT
from onnxcam_export.analysed import analysed
from onnxcam_export.assemble.description import describe
from onnxcam_export.assemble.outputs import DROP_IN, Form, assemble, form_of
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, Table
from onnxcam_export.errors import ExportError
from onnxcam_export.graph.files import plain_bytes, save, written_at_once
from onnxcam_export.graph.optimisations import ALL, Optimisation
from onnxcam_export.read.detection import Given as GivenDetection
from onnxcam_export.read.detection import check_head, read_detection, usual_preprocessing
from onnxcam_export.read.labels import Given as GivenLabels
from onnxcam_export.read.labels import for_classes, labels_of
from onnxcam_export.read.named_layers import Given as GivenLayers
from onnxcam_export.read.named_layers import named_layers
from onnxcam_export.read.preprocessing.given import Given as GivenPreprocessing
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from onnxcam_export.read.source import check_order, read
from onnxcam_export.report import ExportReport
from onnxcam_export.timing import stage
from onnxcam_export.verify.independence import require_independent
from onnxcam_export.verify.reference import reference_for
from onnxcam_export.verify.verify import golden, verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir

    from onnxcam.metadata import Metadata
    from onnxcam_export.analyse.layers import Candidate
    from onnxcam_export.read.source import Original


_LAYERS_OF_HEAD = "the layers are the maps that feed the detection head, one for each scale"


@dataclass(frozen=True, slots=True)
class Plan:
    """How the gradients of one export are made.

    Attributes:
        input_gradient: The gradient at the input, and the rules that make it.
        rules: The rules of the gradients at the layers.
        optimisations: The cheaper forms that they may be made of.
    """

    input_gradient: InputGradient
    rules: Table
    optimisations: frozenset[Optimisation] = ALL


def export(
    source: Any,
    path: str | os.PathLike[str],
    *,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    layers: GivenLayers | None = None,
    labels: GivenLabels | None = None,
    preprocessing: GivenPreprocessing | None = None,
    score_output: str | int | None = None,
    image_input: str | None = None,
    example_inputs: Any = None,
    inputs: str = "optional",
    level: int = 2,
    flat: bool = False,
    verify: bool = True,
    input_gradient: str | Table = "guided",
    dynamic_batch: bool = False,
    detection: GivenDetection | None = None,
) -> ExportReport:
    """Writes an explainer model: one .onnx file that answers as the source does and can explain its answers.

    Args:
        source: A ``torch.nn.Module``, a ``torch.export.ExportedProgram``, the path of an .onnx file, or an
            ``onnx.ModelProto``.
        path: The file to write. It is written only if everything succeeded.
        input_shape: The image input's shape, [N, C, H, W] or [C, H, W] (an ONNX model's in its own layout, or only
            [H, W]). N is not looked at; height and width are fixed. None takes the shape that the model states, and
            height and width 224 for a module that states none, with a note in the report. For a module of several
            inputs, a mapping of its arguments to shapes with the batch, ``{"image": (1, 3, 224, 224), "age": (1, 1)}``.
        layers: The target layers, each a PyTorch module or its path (its last run), an ONNX value or an ONNX node; the
            first is the default at run time. A mapping gives each a name of its own, ``{"head": "net.blocks.15"}``.
            None takes the last spatial feature map on the way to the score.
        labels: The C class names, in the order of the scores; a mapping such as ``{0: "cat", 1: "dog"}``; or the path
            of a file with a name a line, or of a JSON file with either.
        preprocessing: How an image becomes the input: a ``Preprocessing`` or a mapping with its fields; torchvision's
            or timm's transforms for evaluation; timm's data configuration; Hugging Face's image processor or its
            configuration; or the path of a JSON file. None takes the customary values for an input of one or three
            channels, with a note in the report.
        score_output: The output that holds the class scores: its name, a dict's key, a tuple's index, or the name of
            any value inside the graph. None takes the one output that can be them beside its features, gates and
            measures of certainty; of heads side by side, one after a softmax or sigmoid is preferred. A softmax, a
            sigmoid, and a label or ranking taken from the scores are looked through. Scores that are not [N, C], such
            as those of every pixel or box, are explained by seeds (``onnxcam.targets``).
        image_input: The input that takes the image. None is a module's first argument, or the one input of an ONNX
            model that can be it. Others stay inputs.
        example_inputs: Tensors for the arguments of a module, in order or by name, in place of ``input_shape``.
        inputs: ``"optional"``: a caller may leave the added inputs out; ``"required"``: they have no defaults, for
            runtimes that do not list inputs with defaults, such as ONNX Runtime for JavaScript and OpenVINO.
        level: The highest level, 2 or 1; nothing above it is in the file.
        flat: Leave out the gates, for execution providers without ``If``: everything is computed at every call.
        verify: Compare the artifact, in ONNX Runtime, with the source, and fail above tolerance.
        input_gradient: The gradient at the input that level 2 gives: ``"guided"`` (guided backpropagation),
            ``"plain"``, ``"deconvnet"``, or a table of rules, such as ``guided({**PLAIN, "MyOp": my_rule})``.
        dynamic_batch: Make an ONNX model's fixed batch symbolic. Without it the batch stays as it is, and targets are
            one for each image, or one for all, or, where the batch is 1, any number.
        detection: Where boxes and classes are in a raw detection head: ``"yolov8"`` (also v9 and v11) or ``"yolov5"``;
            a mapping with the fields of ``onnxcam.metadata.DetectionHead``, for a head that is the first output or that
            of ``score_output``; a mapping with those of ``onnxcam_export.read.detection.HeadOutputs``, which names the
            outputs, if scores and boxes are several; or the path of a JSON file. Without ``layers``, the maps that feed
            the head are taken, one for each scale.

    Returns:
        What was exported, what was compared, and how closely it agreed.

    Raises:
        ExportError: The model cannot be exported; its subclasses (``onnxcam_export.errors``) say why.
        OutputError: The path cannot be written.
    """
    check_order(source, path)
    return run(
        Plan(InputGradient.of(input_gradient), PLAIN),
        source,
        Path(path),
        input_shape=input_shape,
        layers=layers,
        labels=labels,
        preprocessing=preprocessing,
        score_output=score_output,
        form=form_of(inputs, level, flat=flat),
        verified=verify,
        image_input=image_input,
        example_inputs=example_inputs,
        dynamic_batch=dynamic_batch,
        detection=detection,
    )


def run(
    plan: Plan,
    source: Any,
    path: Path,
    *,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    layers: GivenLayers | None = None,
    labels: GivenLabels | None = None,
    preprocessing: GivenPreprocessing | None = None,
    score_output: str | int | None = None,
    form: Form = DROP_IN,
    verified: bool = True,
    image_input: str | None = None,
    example_inputs: Any = None,
    dynamic_batch: bool = False,
    detection: GivenDetection | None = None,
) -> ExportReport:
    """The stages of ``export``, with its arguments, for a plan."""
    seconds: dict[str, float] = {}
    names, by_name = labels_of(labels), named_layers(layers, source)
    named_head = read_detection(detection)
    if isinstance(source, (str, os.PathLike)):
        check_is_no_source(path, identities([Path(source)]))
    with written_at_once(path) as temporary:
        with stage("exporting", seconds):
            original = read(
                source,
                input_shape,
                image_input=image_input,
                example_inputs=example_inputs,
                dynamic_batch=dynamic_batch,
            )
        with stage("differentiating", seconds):
            forward, head = analysed(
                original,
                by_name,
                score_output,
                optimisations=plan.optimisations,
                rules=plan.input_gradient.rules,
                head=named_head,
            )
            require_independent(forward)
            at_input = plan.input_gradient if form.highest == AT_INPUT else None
            reference = reference_for(original, forward, at_input, plan.rules) if verified else None
            check_head(head, forward.score.shape, names)
            label_note = for_classes(names, forward.score.classes)
            if head is not None and preprocessing is None:
                preprocessing = usual_preprocessing(forward.image_input)
            steps = checked_preprocessing(preprocessing, forward.image_input)
            metadata = describe(original, forward, plan.input_gradient, names, steps.steps, form=form, head=head)
            common_passes.ClearMetadataAndDocStringPass()(original.model)  # stack traces with the user's paths
            plain_size = plain_bytes(forward.model)
            assemble(forward, plan.input_gradient, form, plan.rules)
            size = _save(forward.model, metadata, temporary)
        with stage("verifying", seconds):
            _check(temporary)
            if reference is not None:
                metadata = replace(
                    metadata,
                    verification=verify(temporary, metadata, reference),
                    golden=golden(temporary, metadata) if _takes_the_image_alone(forward.model.graph) else None,
                )
                size = _save(forward.model, metadata, temporary)
    found = [
        label_note,
        _detach_note(original, forward.score.value),
        _LAYERS_OF_HEAD if head is not None and not by_name else None,
        *forward.notes,
        at_input.remark(forward.steps) if at_input is not None else None,
    ]
    notes = (*original.notes, *(note for note in found if note), *steps.notes)
    return ExportReport(path, metadata, size, plain_size, seconds, notes)


def candidates(
    source: Any,
    *,
    input_shape: Sequence[int] | None = None,
    score_output: str | int | None = None,
    image_input: str | None = None,
    detection: GivenDetection | None = None,
) -> list[Candidate]:
    """The layers of a source that can be explained at, in order (``onnxcam layers`` prints them).

    Raises:
        ExportError: The source cannot be read, has no scores, or no layer that can be explained.
    """
    original = read(source, input_shape, image_input=image_input)
    head = read_detection(detection)
    forward, _ = analysed(original, {}, score_output, optimisations=ALL, rules=PLAIN, head=head)
    return list(forward.candidates)


def _detach_note(original: Original, score: ir.Value) -> str | None:
    if original.program is None:
        return None
    from onnxcam_export.read.pytorch.from_torch import detach_note  # noqa: PLC0415 — torch takes seconds to import

    return detach_note(original.program, score.name or "")


def _takes_the_image_alone(graph: ir.Graph) -> bool:
    """Whether the image is all that a caller has to give; the golden check has nothing to feed other inputs."""
    return sum(value.name not in graph.initializers for value in graph.inputs) == 1


def _check(path: Path) -> None:
    """Requires that a finished model follows the standard.

    Raises:
        ExportError: It does not.
    """
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker and shape inference have errors of their own
        reason, _, _ = " ".join(str(error).split()).partition(" ==> ")
        raise ExportError(
            f"the finished model is not valid, so it is not written: {reason}; please report it with the model"
        ) from error


def _save(model: ir.Model, metadata: Metadata, path: Path) -> int:
    model.metadata_props[contract.METADATA_KEY] = metadata.to_json()
    return save(model, path)
