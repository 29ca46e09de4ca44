"""PyTorch's side of an export: from a module to an ONNX graph. The only file that imports torch at module level."""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnxscript
import torch

from onnxcam import metadata as names
from onnxcam_export.errors import ScoreError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_ir as ir


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
        input_shape: [N, C, H, W] or [C, H, W]; the batch is symbolic whatever N says. None takes 3 x 224 x 224 for a
            module, and what it was captured with for a program.

    Raises:
        SourceError: PyTorch cannot capture or export the model; the message has PyTorch's reason.
    """
    with _quiet(), _reasoned():
        if isinstance(source, torch.export.ExportedProgram):
            program, image = source, _program_image(source)
        else:
            image = _example(source, input_shape)
            with _evaluating(source):
                batch = torch.export.Dim("batch", min=1, max=65536)
                shapes = [{0: batch}, *[None] * (len(inspect.signature(source.forward).parameters) - 1)]
                program = torch.export.export(source, (image,), dynamic_shapes=tuple(shapes[:1]))
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            verbose=False,
            custom_translation_table={torch.ops.aten.as_strided.default: _as_strided},
        )
        assert exported is not None  # noqa: S101 — it is, with dynamo=True
    return Captured(exported.model, exported.exported_program, image)  # type: ignore[arg-type]


def output_name(captured: Captured, wanted: str | int | None) -> str | None:
    """The graph's name of an output of the module: a key of the dict, an index of the tuple, or a name already.

    Raises:
        ScoreError: The module returns nothing of that name.
    """
    outputs = [value.name or "" for value in captured.model.graph.outputs]
    if wanted is None or wanted in outputs:
        return wanted if isinstance(wanted, str) else None
    out_spec = captured.program.call_spec.out_spec
    assert out_spec is not None  # noqa: S101 — every captured program has one
    dummy = torch.utils._pytree.tree_unflatten(outputs, out_spec)  # noqa: SLF001 — no public name for it
    paths = torch.utils._pytree.tree_flatten_with_path(dummy)[0]  # noqa: SLF001
    named = {".".join(_key(entry) for entry in path): name for path, name in paths}
    if str(wanted) not in named:
        raise ScoreError(f"the module returns no {wanted!r}; score_output can be one of {', '.join(named)}")
    return str(named[str(wanted)])


def _as_strided(self: Any, size: Sequence[Any], stride: Sequence[int], storage_offset: int | None = None) -> Any:
    """Adaptive pooling to 1 x 1 notes the memory format with ``as_strided``; on [N, C, 1, 1] that moves nothing.

    PyTorch's own translation goes through computed indices, which have no gradient.
    """
    channels, *ones = [dim if isinstance(dim, int) else None for dim in list(self.shape)[1:]]
    if ones != [1, 1] or list(size)[1:] != [channels, 1, 1] or list(stride)[:2] != [channels, 1] or storage_offset:
        raise SourceError("the model uses as_strided on a tensor with a map; use a view, a permute or a slice instead")
    return onnxscript.opset18.Identity(self)


def _key(entry: Any) -> str:
    return str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry))))


def _example(module: torch.nn.Module, input_shape: Sequence[int] | None) -> torch.Tensor:
    """A batch of two images; a batch of one would be taken for a constant."""
    channels, height, width = (3, 224, 224) if input_shape is None else tuple(input_shape)[-3:]
    like = next(iter([*module.parameters(), *module.buffers()]), torch.empty(0))
    dtype = like.dtype if like.dtype.is_floating_point else torch.float32
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, height, width, generator=generator).to(like.device, dtype)


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
def _quiet() -> Iterator[None]:
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
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise SourceError(
            f"PyTorch cannot export this model: {lines[0] if lines else type(error).__name__}; "
            "check that it runs on the given input_shape and that its code does not branch on the batch"
        ) from error


class AutogradReference:
    """What PyTorch's autograd says the artifact must answer, from the program that the graph was made from."""

    def __init__(
        self,
        captured: Captured,
        score: str,
        layers: Mapping[str, str],
        rectifiers: Sequence[tuple[str, str]],
    ) -> None:
        """Prepares the program for references.

        Args:
            captured: The model.
            score: The value that holds the scores, [N, C].
            layers: The value of each target layer.
            rectifiers: The input and the output of each activation that the guided rule applies to.
        """
        self.name = f"PyTorch {torch.__version__} autograd"
        self._module = captured.program.module()
        self._score, self._layers, self._rectifiers = score, layers, rectifiers
        self._outputs = [value.name or "" for value in captured.model.graph.outputs]
        nodes = {node.name for node in self._module.graph.nodes}
        self._missing = {name for name in (score, *layers.values()) if name not in nodes}
        self._missing_rectifiers = [pair for pair in rectifiers if not nodes.issuperset(pair)]

    def __call__(
        self, image: npt.NDArray[Any], target: npt.NDArray[np.int64]
    ) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
        """The outputs that a run at level 2 must have, by name, and what could not be computed, in words.

        Args:
            image: [N, C, H, W]; in float64, the program is run in float64.
            target: [T] class indices, no ranks; T = N or N = 1.
        """
        x = torch.from_numpy(np.repeat(image, len(target) // len(image), axis=0)).requires_grad_()
        module = copy.deepcopy(self._module).double() if x.dtype == torch.float64 else self._module
        rows = torch.arange(len(target)), torch.from_numpy(target)
        plain = _Interpreter(module, ())
        returned = torch.utils._pytree.tree_leaves(plain.run(x))  # noqa: SLF001 — no public name for it
        answers = {name: _array(value)[: len(image)] for name, value in zip(self._outputs, returned, strict=True)}
        if self._score in self._missing:
            return answers, (f"not compared: the scores {self._score!r} have no counterpart in the PyTorch program",)
        scores = plain.values[self._score].flatten(1)
        answers[names.SCORES_OUTPUT] = _array(scores)[: len(image)]
        notes = []
        for layer, value in self._layers.items():
            if value in self._missing:
                notes.append(f"not compared: layer {layer!r} ({value}) has no counterpart in the PyTorch program")
                continue
            activations = plain.values[value]
            (gradients,) = torch.autograd.grad(scores[rows].sum(), activations, retain_graph=True)
            answers[names.ACTIVATIONS_PREFIX + layer] = _array(activations)[: len(image)]
            answers[names.GRADIENTS_PREFIX + layer] = _array(gradients)
        if self._missing_rectifiers:
            pairs = ", ".join(f"{x} -> {y}" for x, y in self._missing_rectifiers)
            return answers, (*notes, f"not compared: guided gradient, no counterpart in the PyTorch program of {pairs}")
        guided = _Interpreter(module, self._rectifiers)
        guided.run(x)
        (gradients,) = torch.autograd.grad(guided.values[self._score].flatten(1)[rows].sum(), x)
        answers[names.GUIDED_OUTPUT] = _array(gradients)
        return answers, tuple(notes)


class _Interpreter(torch.fx.Interpreter):
    """Runs a program node by node, keeps every value, and puts the guided rule behind rectifiers."""

    def __init__(self, module: torch.fx.GraphModule, rectifiers: Sequence[tuple[str, str]]) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[str, torch.Tensor] = {}
        self._rectified = {y: x for x, y in rectifiers}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self._rectified:
            result = _GuidedRule.apply(result, self.values[self._rectified[n.name]])  # type: ignore[no-untyped-call]
        self.values[n.name] = result
        return result


class _GuidedRule(torch.autograd.Function):
    """Identity; backwards ``relu(dy) * [x > 0]``, at the output y of a rectifier with the input x."""

    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x > 0)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad_outputs[0].relu() * ctx.saved_tensors[0], None


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
