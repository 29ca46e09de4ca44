"""The front door: whatever the user has becomes an ONNX graph, and something to check the artifact against."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime

from onnxcam_export.differentiate.tables import rectifies
from onnxcam_export.errors import SourceError
from onnxcam_export.read import from_onnx as onnx_source
from onnxcam_export.verify.against_original import Differences
from onnxcam_export.verify.verify import Check, against

if TYPE_CHECKING:
    import onnx_ir as ir
    import torch

    from onnxcam_export.assemble.outputs import Forward

# Given the prepared forward pass, before it is assembled: what the artifact is checked with.
CheckFactory = Callable[["Forward"], Check]


@dataclass(frozen=True, slots=True)
class Original:
    """A model as the rest of the export sees it.

    Attributes:
        model: The ONNX graph.
        kind: What the user gave, e.g. ``torch.nn.Module``.
        name: Its class or file name.
        made_with: The packages that made the graph, with their versions.
        output_name: Turns the user's ``score_output`` into the name of a graph output.
        check: Makes what the artifact is checked with.
        reference_name: What that compares it with, in words.
        image: The name of the input that takes the image; None for the first.
    """

    model: ir.Model
    kind: str
    name: str
    made_with: tuple[str, ...]
    output_name: Callable[[str | int | None], str | None]
    check: CheckFactory
    reference_name: str
    image: str | None = None


def read(
    source: torch.nn.Module | torch.export.ExportedProgram | onnx.ModelProto | str | Any,
    input_shape: Sequence[int] | None,
    *,
    image_input: str | None = None,
    dynamic_batch: bool = False,
) -> Original:
    """Reads any source that an export takes.

    Raises:
        SourceError: The source cannot be read, or is of a kind that cannot be exported.
        ShapeError: An ONNX model's image size is not known, or is not ``input_shape``.
    """
    kind = _torch_kind(source)
    if kind is not None:
        if image_input is not None:
            raise SourceError(
                "image_input (--input) is for ONNX models; a PyTorch module's image is its first argument"
            )
        return _read_torch(source, kind, input_shape)
    if isinstance(source, (str, os.PathLike, onnx.ModelProto)):
        return _read_onnx(source, input_shape, image_input, dynamic_batch=dynamic_batch)
    raise SourceError(
        f"cannot export a {type(source).__name__}; give a torch.nn.Module, a torch.export.ExportedProgram, "
        "the path of an .onnx file, or an onnx.ModelProto"
    )


def _read_onnx(
    source: str | os.PathLike[str] | onnx.ModelProto,
    input_shape: Sequence[int] | None,
    image_input: str | None,
    *,
    dynamic_batch: bool,
) -> Original:
    opened = onnx_source.open_model(
        source, input_shape=input_shape, image_input=image_input, dynamic_batch=dynamic_batch
    )
    return Original(
        model=opened.model,
        kind=opened.kind,
        name=opened.name,
        made_with=(*([opened.producer] if opened.producer else []), *_versions("onnx")),
        output_name=lambda wanted: onnx_source.output_name(opened, wanted),
        check=lambda forward: Differences(opened.original, forward, opened.image),
        reference_name=f"the original in ONNX Runtime {onnxruntime.__version__}, and central differences",
        image=opened.image,
    )


def _read_torch(source: Any, kind: str, input_shape: Sequence[int] | None) -> Original:
    from onnxcam_export.read import from_torch as pytorch  # noqa: PLC0415 — torch takes seconds to import, and ONNX sources need none

    captured = pytorch.capture(source, input_shape)

    def check(forward: Forward) -> Check:
        layers = {name: value.name or "" for name, value in forward.layers.items()}
        rectifiers = [(step.x.name or "", step.y.name or "") for step in forward.steps if rectifies(step)]
        return against(pytorch.AutogradReference(captured, forward.score.value.name or "", layers, rectifiers))

    return Original(
        model=captured.model,
        kind=kind,
        name=type(source).__name__,
        made_with=_versions("torch", "onnx"),
        output_name=lambda wanted: pytorch.output_name(captured, wanted),
        check=check,
        reference_name=f"PyTorch {importlib.metadata.version('torch')} autograd",
    )


def _torch_kind(source: Any) -> str | None:
    """Which of PyTorch's kinds of model this is, found without importing torch."""
    for base in type(source).__mro__:
        if base.__module__ == "torch.nn.modules.module" and base.__name__ == "Module":
            return "torch.nn.Module"
        if base.__module__ == "torch.export.exported_program" and base.__name__ == "ExportedProgram":
            return "torch.export.ExportedProgram"
    return None


def _versions(*packages: str) -> tuple[str, ...]:
    return tuple(f"{package} {importlib.metadata.version(package)}" for package in packages)
