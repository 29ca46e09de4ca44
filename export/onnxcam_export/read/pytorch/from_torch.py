"""PyTorch's side of an export: from a module to an ONNX graph.

This file, ``captured_program``, and ``against_autograd`` and ``interpreter`` in ``onnxcam_export.verify`` alone import
torch at module level.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnxscript
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.detached import mark_detached
from onnxcam_export.graph.float32 import WITHOUT_KERNELS, computes_in_halves, note_of, to_float32
from onnxcam_export.read.files.ceil_mode import cut_padding
from onnxcam_export.read.pytorch.adaptive_pooling import pooling
from onnxcam_export.read.pytorch.attention import attention
from onnxcam_export.read.pytorch.capture_errors import sentence
from onnxcam_export.read.pytorch.captured_program import (
    check_batch_norms,
    make_float32,
    name_apart,
    stops_at_detach,
    with_fixed_axes,
)
from onnxcam_export.read.pytorch.module_outputs import key_of, tensors_alone

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
            source, notes = _in_float32(source)
            with _evaluating(source), _returning_tensors(source):
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
        notes += _made_float32(exported.model, exported.exported_program)
        notes = tuple(dict.fromkeys((*notes, *squeezed)))
    return Captured(exported.model, exported.exported_program, notes)


def detach_note(program: torch.export.ExportedProgram, score: str) -> str | None:
    """The note on ``detach()``, if it is ignored and the scores are computed from a detached value.

    Args:
        program: The program.
        score: The name of the scores in it; if it has none of that name, all its outputs are meant.
    """
    if stops_at_detach(program.graph, program.graph_signature.user_inputs):
        return None
    nodes = {node.name: node for node in program.graph.nodes}
    before = {nodes.get(score, program.graph.output_node())}
    for node in reversed(program.graph.nodes):
        if node in before:
            before.update(node.all_input_nodes)
    return DETACH_NOTE if any(node.target is torch.ops.aten.detach.default for node in before) else None


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
    return {".".join(map(key_of, path)) or "0": str(name) for path, name in paths}


def _in_float32(module: torch.nn.Module) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """The module, or a copy in float32 if its weights are in bfloat16 or float64, and a note that says so."""
    types = {tensor.dtype for tensor in module.parameters()}
    found = [kind for kind in ("bfloat16", "float64") if getattr(torch, kind) in types]
    return (copy.deepcopy(module).float(), (note_of(found[0]),)) if found else (module, ())


def _made_float32(model: ir.Model, program: torch.export.ExportedProgram) -> tuple[str, ...]:
    """Makes a graph and its program compute in float32 what is in bfloat16 or float64, and returns a note of it."""
    found = [kind for kind in WITHOUT_KERNELS if computes_in_halves(model, {kind})]
    if not found:
        return ()
    to_float32(model, WITHOUT_KERNELS)
    make_float32(program)
    return tuple(note_of({"DOUBLE": "float64"}.get(kind.name, kind.name.lower())) for kind in found)


@contextlib.contextmanager
def _returning_tensors(module: torch.nn.Module) -> Iterator[None]:
    """The module without what it returns beside tensors, which an exported program cannot hold."""
    handle = module.register_forward_hook(lambda _module, _arguments, output: tensors_alone(output))
    try:
        yield
    finally:
        handle.remove()


def _takes_any_arguments(module: torch.nn.Module) -> bool:
    """Whether the first argument of ``forward`` is ``*args``, as wrappers have it."""
    parameters = inspect.signature(module.forward).parameters.values()
    return next(iter(parameters)).kind is inspect.Parameter.VAR_POSITIONAL if parameters else False


def _only_keyword(module: torch.nn.Module) -> str:
    """The name of the first argument of ``forward`` if it must be given by name; else empty."""
    first = next(iter(inspect.signature(module.forward).parameters.values()), None)
    return first.name if first is not None and first.kind is inspect.Parameter.KEYWORD_ONLY else ""


def _traced(module: torch.nn.Module, inputs: Mapping[str, Any]) -> torch.export.ExportedProgram:
    """The program of a module with a symbolic batch."""
    batch = {0: torch.export.Dim("batch", min=1, max=65536)}
    examples = {name or _only_keyword(module): _example(module, given) for name, given in inputs.items()}
    if len(examples) == 1 and not _only_keyword(module):
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
        moved = moved.float() if moved.dtype in {torch.bfloat16, torch.float64} else moved
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
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        # What PyTorch dumps of a program that it cannot capture, it prints.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
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
        raise SourceError(sentence(error)) from error
