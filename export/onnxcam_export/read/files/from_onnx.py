"""ONNX's side of an export: from a file or a ModelProto, of any producer, to a graph that the rest understands."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir

from onnxcam import contract
from onnxcam_export.errors import ExportError, SourceError
from onnxcam_export.graph.float32 import computes_in_halves, note_of, to_float32
from onnxcam_export.graph.non_tensor_outputs import HIDDEN_TYPES, hide
from onnxcam_export.graph.session import Failure
from onnxcam_export.graph.session import open_model as open_in_onnxruntime
from onnxcam_export.read.files.upgrade import to_standard_form
from onnxcam_export.read.files.usual_form import to_usual_form

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Opened:
    """An ONNX model, opened twice: as it is, and in the form that the export works on.

    Attributes:
        original: The model as it is.
        model: The same in one opset, with shapes, ready to be prepared.
        image: The name of the input that takes the image.
        kind: ``onnx file`` or ``onnx.ModelProto``.
        name: The file's or the graph's name.
        producer: What the model says it was made with, e.g. ``tf2onnx 1.8.4``; may be empty.
        notes: Sentences for the report.
    """

    original: ir.Model
    model: ir.Model
    image: str
    kind: str
    name: str
    producer: str
    notes: tuple[str, ...] = ()


def open_model(
    source: str | os.PathLike[str] | onnx.ModelProto,
    *,
    input_shape: Sequence[int] | None = None,
    image_input: str | None = None,
    dynamic_batch: bool = False,
) -> Opened:
    """Opens a model and brings it into the form that the export works on; its answers stay.

    Args:
        source: The path of an .onnx file, or a model in memory.
        input_shape: The image input's shape in its own layout, with or without the batch, or [H, W].
        image_input: The name of the input that takes the image; None where only one can be it.
        dynamic_batch: Make a fixed batch symbolic.

    Raises:
        SourceError: The file is missing, empty, damaged, no ONNX model, or an explainer model already; its external
            data are missing or lie outside of its folder; ONNX Runtime cannot load it; or its operators are from a
            version that cannot be upgraded.
        ShapeError: The image's size is not known, or is fixed to something else than ``input_shape``.
    """
    if isinstance(source, onnx.ModelProto):
        proto, folders, kind, name = _copy(source), [], "onnx.ModelProto", source.graph.name or "model"
    else:
        path = Path(source)
        proto, folders, kind, name = _parse(path), [path.parent, path.resolve().parent], "onnx file", path.name
    _check_is_model(proto, name)
    to_usual_form(proto)
    with _reasoned(name):
        types = hide(proto)
        original, model = (_to_ir(proto, types, folders) for _ in range(2))
        notes = (note_of("bfloat16"),) if computes_in_halves(original, {ir.DataType.BFLOAT16}) else ()
        if notes:
            to_float32(original)
            to_float32(model)
        # ONNX Runtime is what the artifact is for, so what it does not load is not worth exporting.
        advice = "repair the model or export it again, in float32 if it has another type"
        failure = Failure(f"ONNX Runtime cannot load {name}", advice, SourceError)
        open_in_onnxruntime(original, failure, optimised=False)
        image = to_standard_form(model, input_shape=input_shape, image_input=image_input, dynamic_batch=dynamic_batch)
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    return Opened(original, model, image, kind, name, producer, notes)


def _parse(path: Path) -> onnx.ModelProto:
    if not path.exists():
        raise SourceError(f"{path} does not exist; give the path of an .onnx file")
    if not path.is_file():
        raise SourceError(f"{path} is a folder; give the path of an .onnx file")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty; export or download the model again")
    try:
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # each format that onnx reads has exceptions of its own
        raise SourceError(f"{path} is not an ONNX model, or is damaged; export or download it again") from error


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def _check_is_model(proto: onnx.ModelProto, name: str) -> None:
    if not proto.graph.node or not proto.opset_import:
        raise SourceError(f"{name} is not an ONNX model: it has no graph, or names no operator set")
    if any(entry.key == contract.METADATA_KEY for entry in proto.metadata_props):
        raise SourceError(
            f"{name} is an explainer model already; give the model it was made from, or use it with 'onnxcam explain'"
        )


def _to_ir(proto: onnx.ModelProto, types: dict[str, onnx.TypeProto], folders: Sequence[Path]) -> ir.Model:
    """As onnx_ir has it; the weights stay in the proto, and external ones are mapped when they are needed."""
    model = ir.from_proto(proto)
    model.graph.sort()  # ONNX Runtime takes nodes in any order
    if types:
        model.meta[HIDDEN_TYPES] = types
    for graph in model.graphs():
        for value in graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value = _located(value.const_value, folders)
    bodies: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    for body in bodies:
        for node in ir.traversal.RecursiveGraphIterator(body):
            for attribute in list(node.attributes.values()):
                if isinstance(attribute.value, ir.ExternalTensor):
                    node.attributes.add(ir.AttrTensor(attribute.name, _located(attribute.value, folders)))
    return model


def _located(tensor: ir.ExternalTensor, folders: Sequence[Path]) -> ir.ExternalTensor:
    """The tensor with its file found, in the model's folder: a model from a stranger must not read other files.

    Args:
        tensor: The tensor as the model describes it.
        folders: Where the model is, and where it really is if that is a link, as in a model hub's cache; empty for a
            model in memory.
    """
    if not folders:
        raise SourceError(
            "the ModelProto has its weights in other files, and its folder is not known; give the model's path, "
            "or load it with onnx.load, which reads them"
        )
    location = Path(tensor.location)
    file = (folders[0] / location).resolve()
    inside = any(file.is_relative_to(folder.resolve()) for folder in folders)
    if location.is_absolute() or ".." in location.parts or not inside:
        raise SourceError(
            f"the weight {tensor.name!r} lies in {str(location)!r}, outside of the model's folder, and is not read; "
            "put the file beside the model and export the model again"
        )
    if not file.is_file():
        raise SourceError(f"the model's weights are missing: {file} does not exist; put it beside the model")
    if file.stat().st_size < (tensor.offset or 0) + tensor.nbytes:
        raise SourceError(f"the model's weights are damaged: {file} ends before {tensor.name!r}; copy it again")
    return ir.ExternalTensor(
        file.name,
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=tensor.name or "",
        base_dir=file.parent,
    )


_REASON = 300  # characters


@contextlib.contextmanager
def _reasoned(name: str) -> Iterator[None]:
    """What the libraries raise on a malformed graph, as one sentence."""
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason, _, _ = " ".join(str(cause).split()).partition(". ")
        raise SourceError(
            f"{name} is not a valid ONNX model: {reason[:_REASON] or type(cause).__name__}; "
            "onnx.checker.check_model may tell more"
        ) from error
