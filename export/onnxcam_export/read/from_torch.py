"""PyTorch's side of an export: from a module to an ONNX graph.

This file and ``against_autograd`` and ``interpreter`` in ``onnxcam_export.verify`` alone import torch at module level.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from onnxcam_export.errors import SourceError
from onnxcam_export.read.adaptive_pooling import pooling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import onnx_ir as ir


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.adaptive_avg_pool1d.default: pooling(1),
    torch.ops.aten.adaptive_avg_pool2d.default: pooling(2),
    torch.ops.aten.adaptive_avg_pool3d.default: pooling(3),
    torch.ops.aten._adaptive_avg_pool3d.default: pooling(3),  # noqa: SLF001 — the name in exported programs
}


@dataclass(frozen=True, slots=True)
class Captured:
    """A PyTorch model, captured twice: as an ONNX graph and as the program that the graph was made from.

    Attributes:
        model: The ONNX model, its batch symbolic, its values named after the program's nodes.
        program: The program, for computing references with PyTorch's autograd.
        image: An example of the input, [2, C, H, W].
    """

    model: ir.Model
    program: torch.export.ExportedProgram
    image: torch.Tensor


def capture(
    source: torch.nn.Module | torch.export.ExportedProgram,
    input_shape: Sequence[int] | None,
) -> Captured:
    """Captures a module in evaluation mode, or a program that was captured before.

    Args:
        source: The module, or the program; a module's training flags are left as they were.
        input_shape: A module's image, [C, H, W]; the batch is symbolic. None for a program, which has a shape.

    Raises:
        SourceError: PyTorch cannot capture or export the model; the message has PyTorch's reason.
    """
    with quiet(), _reasoned():
        if isinstance(source, torch.export.ExportedProgram):
            program, image = source, _program_image(source)
        else:
            source = source.module if isinstance(source, torch.nn.DataParallel) else source
            assert input_shape is not None  # noqa: S101 — a module's caller gives it
            image = _example(source, input_shape)
            with _evaluating(source):
                batch = torch.export.Dim("batch", min=1, max=65536)
                shapes: Any = {0: batch}
                if _takes_any_arguments(source):
                    shapes = (shapes,)
                program = torch.export.export(source, (image,), dynamic_shapes=(shapes,))
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            verbose=False,
            custom_translation_table=_TRANSLATIONS,
        )
        assert exported is not None  # noqa: S101 — it is, with dynamo=True
    return Captured(exported.model, exported.exported_program, image)  # type: ignore[arg-type]


def output_names(captured: Captured) -> dict[str, str]:
    """The graph's outputs by the names that the module's user has for them: a dict's keys, a tuple's indices."""
    outputs = [value.name or "" for value in captured.model.graph.outputs]
    out_spec = captured.program.call_spec.out_spec
    assert out_spec is not None  # noqa: S101 — every captured program has one
    dummy = torch.utils._pytree.tree_unflatten(outputs, out_spec)  # noqa: SLF001 — no public name for it
    paths = torch.utils._pytree.tree_flatten_with_path(dummy)[0]  # noqa: SLF001 — the same
    return {".".join(_key(entry) for entry in path): str(name) for path, name in paths}


def _key(entry: Any) -> str:
    return str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry))))


def _takes_any_arguments(module: torch.nn.Module) -> bool:
    """Whether the first argument of ``forward`` is ``*args``, as wrappers have it."""
    parameters = inspect.signature(module.forward).parameters.values()
    return next(iter(parameters)).kind is inspect.Parameter.VAR_POSITIONAL if parameters else False


def _example(module: torch.nn.Module, input_shape: Sequence[int]) -> torch.Tensor:
    """A batch of two images; a batch of one would be taken for a constant."""
    like = next(iter([*module.parameters(), *module.buffers()]), torch.empty(0))
    dtype = like.dtype if like.dtype.is_floating_point else torch.float32
    if dtype == torch.bfloat16:
        raise SourceError(
            f"the module computes in {str(dtype).removeprefix('torch.')}, which ONNX Runtime has no convolutions for; "
            "convert it with module.float() first"
        )
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, *input_shape, generator=generator).to(like.device, dtype)


def _program_image(program: torch.export.ExportedProgram) -> torch.Tensor:
    names = program.graph_signature.user_inputs
    node = next(node for node in program.graph.nodes if node.name == names[0])
    value = node.meta["val"]
    shape = [int(dim) if isinstance(dim, int) else 2 for dim in value.shape]
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(value.dtype)


@contextlib.contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every submodule's own training flag afterwards."""
    flags = {submodule: submodule.training for submodule in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for submodule, flag in flags.items():
            submodule.training = flag


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
