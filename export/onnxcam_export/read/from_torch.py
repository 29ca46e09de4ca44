"""PyTorch's side of an export: from a module to an ONNX graph.

This file, ``captured_program``, and ``against_autograd`` and ``interpreter`` in ``onnxcam_export.verify`` alone import
torch at module level.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnxscript
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.detached import mark_detached
from onnxcam_export.graph.float32 import BFLOAT16_NOTE
from onnxcam_export.read.adaptive_pooling import pooling
from onnxcam_export.read.attention import attention
from onnxcam_export.read.captured_program import check_batch_norms, name_apart, stops_at_detach, with_fixed_axes
from onnxcam_export.read.ceil_mode import cut_padding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import onnx_ir as ir


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.adaptive_avg_pool1d.default: pooling(1),
    torch.ops.aten.adaptive_avg_pool2d.default: pooling(2),
    torch.ops.aten.adaptive_avg_pool3d.default: pooling(3),
    torch.ops.aten._adaptive_avg_pool3d.default: pooling(3),  # noqa: SLF001 — the name in exported programs
}


DETACH_NOTE = (
    "the module's detach() was ignored, since an output depends on the image through that value alone: the gradients "
    "are the derivatives of the scores, and not those of a training step"
)


@dataclass(frozen=True, slots=True)
class Captured:
    """A PyTorch model, captured twice: as an ONNX graph and as the program that the graph was made from.

    Attributes:
        model: The ONNX model, its batch symbolic, its values named after the program's nodes.
        program: The program, for computing references with PyTorch's autograd.
        notes: Sentences for the report.
    """

    model: ir.Model
    program: torch.export.ExportedProgram
    notes: tuple[str, ...] = ()


def capture(
    source: torch.nn.Module | torch.export.ExportedProgram,
    inputs: Mapping[str, Any],
) -> Captured:
    """Captures a module in evaluation mode, or a program that was captured before.

    Args:
        source: The module, or the program; a module's training flags are left as they were.
        inputs: A module's inputs by the names of its arguments, each a shape without the batch, such as [C, H, W], or a
            tensor with it; the batch is symbolic. A single one may have no name. None are needed for a program.

    Raises:
        SourceError: PyTorch cannot capture or export the model; the message has PyTorch's reason.
    """
    notes: tuple[str, ...] = ()
    # A fused kernel's result lies in memory in another order than its decomposition's, which a view of BEiT refuses.
    with quiet(), _reasoned(), sdpa_kernel(SDPBackend.MATH):
        if isinstance(source, torch.export.ExportedProgram):
            program = source
        else:
            source, notes = _without_bfloat16(source.module if isinstance(source, torch.nn.DataParallel) else source)
            with _evaluating(source):
                program = _traced(source, inputs)
        check_batch_norms(program)
        program, squeezed = with_fixed_axes(program)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            verbose=False,
            custom_translation_table=_TRANSLATIONS | _of_attention(program) | _of_detach(program),
        )
        assert exported is not None  # noqa: S101 — it is, with dynamo=True
        assert exported.exported_program is not None  # noqa: S101 — the same
        mark_detached(exported.model.graph)
        name_apart(exported.model, exported.exported_program)
        while cut_padding(exported.model.graph):  # the shapes are PyTorch's, and need no correction
            pass
        stops = stops_at_detach(program.graph, program.graph_signature.user_inputs)
        notes += (*squeezed, *(() if stops else (DETACH_NOTE,)))
    return Captured(exported.model, exported.exported_program, notes)


def _of_detach(program: torch.export.ExportedProgram) -> dict[Callable[..., Any], Callable[..., Any]]:
    """The translation of ``detach()`` where the gradients stop there."""

    def stop(self: Any) -> Any:
        floating = self.dtype is None or self.dtype.is_floating_point()
        return onnxscript.opset18.Sum(self) if floating else onnxscript.opset18.Identity(self)

    stops = stops_at_detach(program.graph, program.graph_signature.user_inputs)
    return {torch.ops.aten.detach.default: stop} if stops else {}


def _of_attention(program: torch.export.ExportedProgram) -> dict[Callable[..., Any], Callable[..., Any]]:
    """The translation of attention, if the program has it for another number of axes than PyTorch's own takes."""
    operator = torch.ops.aten.scaled_dot_product_attention.default
    queries = [node.args[0].meta["val"] for node in program.graph.nodes if node.target is operator]
    return {operator: attention} if any(query.ndim != 4 for query in queries) else {}


def output_names(captured: Captured) -> dict[str, str]:
    """The graph's outputs by their names for the module's user: a dict's keys, a tuple's indices, 0 for one alone."""
    outputs = [value.name or "" for value in captured.model.graph.outputs]
    out_spec = captured.program.call_spec.out_spec
    assert out_spec is not None  # noqa: S101 — every captured program has one
    dummy = torch.utils._pytree.tree_unflatten(outputs, out_spec)  # noqa: SLF001 — no public name for it
    paths = torch.utils._pytree.tree_flatten_with_path(dummy)[0]  # noqa: SLF001 — the same
    return {".".join(_key(entry) for entry in path) or "0": str(name) for path, name in paths}


def _key(entry: Any) -> str:
    return str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry))))


def _without_bfloat16(module: torch.nn.Module) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """The module, or a copy in float32 if it computes in bfloat16, and a note that says so."""
    if all(tensor.dtype != torch.bfloat16 for tensor in (*module.parameters(), *module.buffers())):
        return module, ()
    return copy.deepcopy(module).float(), (BFLOAT16_NOTE,)


def _takes_any_arguments(module: torch.nn.Module) -> bool:
    """Whether the first argument of ``forward`` is ``*args``, as wrappers have it."""
    parameters = inspect.signature(module.forward).parameters.values()
    return next(iter(parameters)).kind is inspect.Parameter.VAR_POSITIONAL if parameters else False


def _traced(module: torch.nn.Module, inputs: Mapping[str, Any]) -> torch.export.ExportedProgram:
    """The program of a module with a symbolic batch."""
    batch = {0: torch.export.Dim("batch", min=1, max=65536)}
    examples = {name: _example(module, given) for name, given in inputs.items()}
    if len(examples) == 1:
        (image,) = examples.values()
        shapes: Any = (batch,) if _takes_any_arguments(module) else batch
        return torch.export.export(module, (image,), dynamic_shapes=(shapes,))
    dynamic = {name: batch if example.ndim else None for name, example in examples.items()}
    return torch.export.export(module, (), examples, dynamic_shapes=dynamic)


def _example(module: torch.nn.Module, given: Any) -> torch.Tensor:
    """A batch of two; a batch of one would be taken for a constant."""
    like = next(iter([*module.parameters(), *module.buffers()]), torch.empty(0))
    if isinstance(given, torch.Tensor):
        moved = given.detach().to(like.device)
        return torch.cat([moved, moved]) if moved.ndim and len(moved) == 1 else moved
    dtype = like.dtype if like.dtype.is_floating_point else torch.float32
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, *given, generator=generator).to(like.device, dtype)


@contextlib.contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and afterwards every submodule's attributes as they were.

    These are the training flags, and what ``forward`` caches: while a module is captured, those are tensors without
    values (the anchors of YOLO heads).
    """
    attributes = {submodule: dict(vars(submodule)) for submodule in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for submodule, before in attributes.items():
            vars(submodule).clear()
            vars(submodule).update(before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """PyTorch's exporter warns of its own deprecations, which are none of the user's."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _reasoned() -> Iterator[None]:
    """PyTorch's many exceptions as one, with the line that gives the reason."""
    try:
        yield
    except (SourceError, KeyboardInterrupt):
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        raise SourceError(
            f"PyTorch cannot export this model: {lines[0] if lines else type(cause).__name__}; "
            "check that it runs on the given input_shape and that its code does not branch on the batch"
        ) from error
