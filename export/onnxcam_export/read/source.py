"""The front door: any source becomes an ONNX graph, with the facts that the later stages need."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from onnxcam.text import listed, shown
from onnxcam_export.errors import ScoreError, SourceError
from onnxcam_export.read.files.from_onnx import open_model
from onnxcam_export.read.files.other_files import check_is_onnx
from onnxcam_export.read.pytorch.input_shape import check_shape, module_inputs
from onnxcam_export.read.pytorch.modules import check_module, unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir
    import torch


_MODULE, _PROGRAM = "torch.nn.Module", "torch.export.ExportedProgram"


@dataclass(frozen=True, slots=True)
class Original:
    """A model as it was read.

    Attributes:
        model: The ONNX graph, which the later stages change.
        kind: The kind of source, e.g. ``torch.nn.Module``.
        name: Its class or file name.
        made_with: The packages that made the graph, with their versions.
        image: The name of the input that takes the image.
        outputs: The graph outputs by the names that a user has for them: indices, and a module's keys.
        unchanged: The model as it was given, or as PyTorch exported it.
        program: The PyTorch program that the graph was made from; None for ONNX models.
        notes: Remarks for the report.
    """

    model: ir.Model
    kind: str
    name: str
    made_with: tuple[str, ...]
    image: str
    outputs: Mapping[str, str]
    unchanged: ir.Model
    program: torch.export.ExportedProgram | None = None
    notes: tuple[str, ...] = ()

    @property
    def image_value(self) -> ir.Value:
        """The graph input that takes the image."""
        return next(value for value in self.model.graph.inputs if value.name == self.image)

    @property
    def known_outputs(self) -> Mapping[str, str]:
        """The graph outputs by the names that messages have for them: a module's keys, and a file's own names."""
        return self.outputs if self.program is not None else {}

    @property
    def fixes_size(self) -> bool:
        """Whether the model states all sizes of the image, so that no other can be given."""
        shape = next(value.shape for value in self.unchanged.graph.inputs if value.name == self.image)
        return self.kind != _MODULE and all(isinstance(size, int) and size > 0 for size in list(shape or ())[1:])

    def output_name(self, wanted: str | int | None) -> str | None:
        """The name of the graph output, or of the inner value, that ``score_output`` means.

        Raises:
            ScoreError: There is no such output.
        """
        outputs = [value.name for value in self.model.graph.outputs]
        if wanted is None or wanted in outputs:
            return None if wanted is None else str(wanted)
        if str(wanted) in self.outputs:
            return self.outputs[str(wanted)]
        inner = {value.name for node in self.model.graph for value in node.outputs}
        if self.program is not None and wanted not in inner:
            raise ScoreError(f"the module returns no {wanted!r}; score_output can be one of {', '.join(self.outputs)}")
        if str(wanted).removeprefix("-").isdecimal():
            names = ", ".join(map(str, outputs))
            raise ScoreError(f"the model has no output {wanted}; score_output can be one of {names}")
        return str(wanted)


def read(
    source: torch.nn.Module | torch.export.ExportedProgram | onnx.ModelProto | str | Any,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None,
    *,
    image_input: str | None = None,
    example_inputs: Any = None,
    dynamic_batch: bool = False,
) -> Original:
    """Reads any source that an export takes.

    Raises:
        SourceError: The source cannot be read, or is of a kind that cannot be exported.
        ShapeError: An ONNX model's image size is not known, or is not ``input_shape``.
    """
    source = unwrapped(source)
    kind = torch_kind(source)
    if kind is not None:
        return _read_torch(source, kind, input_shape, image_input, example_inputs)
    if example_inputs is not None:
        raise SourceError("example_inputs is for PyTorch modules; an ONNX model states its inputs")
    if isinstance(source, (str, os.PathLike, onnx.ModelProto)):
        if not isinstance(source, onnx.ModelProto):
            check_is_onnx(Path(source))
        sizes = None if input_shape is None else check_shape(input_shape)
        return _read_onnx(source, sizes, image_input, dynamic_batch=dynamic_batch)
    raise SourceError(
        f"cannot export a {type(source).__name__}; give a torch.nn.Module, a torch.export.ExportedProgram, "
        "the path of an .onnx file, or an onnx.ModelProto"
    )


def check_order(source: Any, path: Any) -> None:
    """Refuses a path that is none.

    Raises:
        SourceError: It is the model, or neither text nor a path.
    """
    if torch_kind(path) is not None or isinstance(path, onnx.ModelProto):
        raise SourceError(f"the path is a {type(path).__name__}; give the model first: export(model, {shown(source)})")
    if not isinstance(path, (str, os.PathLike)):
        raise SourceError(f"the path is {shown(path)}; give the file to write, such as 'model.onnx'")


def _read_onnx(
    source: str | os.PathLike[str] | onnx.ModelProto,
    input_shape: Sequence[int] | None,
    image_input: str | None,
    *,
    dynamic_batch: bool,
) -> Original:
    opened = open_model(source, input_shape=input_shape, image_input=image_input, dynamic_batch=dynamic_batch)
    outputs = [value.name or "" for value in opened.model.graph.outputs]
    return Original(
        model=opened.model,
        kind=opened.kind,
        name=opened.name,
        made_with=(*([opened.producer] if opened.producer else []), *_versions("onnx")),
        image=opened.image,
        outputs=_with_negative({str(index): name for index, name in enumerate(outputs)}),
        unchanged=opened.original,
        notes=opened.notes,
    )


def _read_torch(source: Any, kind: str, input_shape: Any, image_input: str | None, example_inputs: Any) -> Original:
    from onnxcam_export.read.pytorch.from_torch import capture, output_names  # noqa: PLC0415 — torch takes seconds to import

    if kind == _MODULE:
        check_module(source)
    inputs, note = ({}, None) if kind == _PROGRAM else module_inputs(source, input_shape, example_inputs)
    captured = capture(source, inputs)
    names = [value.name or "" for value in captured.model.graph.inputs]
    if image_input is not None and image_input not in names:
        raise SourceError(f"the module has no input {image_input!r}; image_input (--input) can be {listed(names)}")
    return Original(
        model=captured.model,
        kind=kind,
        name=type(source).__name__,
        made_with=_versions("torch", "onnx"),
        image=image_input or names[0],
        outputs=_with_negative(output_names(captured)),
        unchanged=captured.model.clone(),
        program=captured.program,
        notes=(*([note] if note else []), *captured.notes),
    )


def _with_negative(outputs: dict[str, str]) -> dict[str, str]:
    """The outputs also by indices that count from the end, where they are a tuple's."""
    if not all(name.isdecimal() for name in outputs):
        return outputs
    return outputs | {str(int(index) - len(outputs)): name for index, name in outputs.items()}


def torch_kind(source: Any) -> str | None:
    """The kind of PyTorch model, found without importing torch; None for all else."""
    for base in type(source).__mro__:
        if base.__module__ == "torch.nn.modules.module" and base.__name__ == "Module":
            return _MODULE
        if base.__module__ == "torch.export.exported_program" and base.__name__ == "ExportedProgram":
            return _PROGRAM
    return None


def _versions(*packages: str) -> tuple[str, ...]:
    return tuple(f"{package} {importlib.metadata.version(package)}" for package in packages)
