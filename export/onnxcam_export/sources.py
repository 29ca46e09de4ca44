"""The front door: whatever the user has becomes an ONNX graph, and something to check the artifact against."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxcam_export.errors import SourceError
from onnxcam_export.verify import Reference

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir
    import torch

# (value of the scores, value of each target layer, input and output of each rectifier) -> reference
ReferenceFactory = Callable[[str, Mapping[str, str], Sequence[tuple[str, str]]], Reference]


@dataclass(frozen=True, slots=True)
class Source:
    """A model as the rest of the export sees it.

    Attributes:
        model: The ONNX graph.
        kind: What the user gave, e.g. ``torch.nn.Module``.
        name: Its class or file name.
        made_with: The packages that made the graph, with their versions.
        output_name: Turns the user's ``score_output`` into the name of a graph output.
        reference: Makes what the artifact is checked against.
        reference_name: What that is, in words.
    """

    model: ir.Model
    kind: str
    name: str
    made_with: tuple[str, ...]
    output_name: Callable[[str | int | None], str | None]
    reference: ReferenceFactory
    reference_name: str


def read(
    source: torch.nn.Module | torch.export.ExportedProgram | onnx.ModelProto | str | Any,
    input_shape: Sequence[int] | None,
) -> Source:
    """Reads any source that an export takes.

    Raises:
        SourceError: The source cannot be read, or is of a kind that cannot be exported.
    """
    kind = _torch_kind(source)
    if kind is not None:
        return _read_torch(source, kind, input_shape)
    raise SourceError(
        f"cannot export a {type(source).__name__}; give a torch.nn.Module, a torch.export.ExportedProgram, "
        "the path of an .onnx file, or an onnx.ModelProto"
    )


def _read_torch(source: Any, kind: str, input_shape: Sequence[int] | None) -> Source:
    from onnxcam_export import pytorch  # noqa: PLC0415 — torch takes seconds to import, and ONNX sources need none

    captured = pytorch.capture(source, input_shape)
    return Source(
        model=captured.model,
        kind=kind,
        name=type(source).__name__,
        made_with=_versions("torch", "onnx"),
        output_name=lambda wanted: pytorch.output_name(captured, wanted),
        reference=lambda score, layers, rectifiers: pytorch.AutogradReference(captured, score, layers, rectifiers),
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
