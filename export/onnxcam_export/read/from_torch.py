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
import onnx
import onnxscript
import torch

from onnxcam import contract
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
            custom_translation_table={torch.ops.aten.adaptive_avg_pool2d.default: _adaptive_avg_pool2d},
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


def _adaptive_avg_pool2d(self: Any, output_size: Sequence[int]) -> Any:
    """Adaptive pooling as pooling where its windows are all alike, and as one matrix for each axis where they are not.

    PyTorch's own translation gathers the windows by computed indices, which have no gradient.
    """
    sizes = list(self.shape)[-2:]
    if not all(isinstance(size, int) for size in sizes):
        raise SourceError("adaptive pooling needs a map of known size; give a fixed input_shape")
    op = onnxscript.opset18
    if list(output_size) == [1, 1]:
        return op.GlobalAveragePool(self)
    if all(size % count == 0 for size, count in zip(sizes, output_size, strict=True)):
        window = [size // count for size, count in zip(sizes, output_size, strict=True)]
        return op.AveragePool(self, kernel_shape=window, strides=window)
    rows, columns = (_averaging(size, count) for size, count in zip(sizes, output_size, strict=True))
    down, across = (op.Constant(value=onnx.numpy_helper.from_array(matrix)) for matrix in (rows, columns.T.copy()))
    return op.MatMul(op.MatMul(down, self), across)


def _averaging(size: int, count: int) -> npt.NDArray[np.float32]:
    """The matrix [count, size] whose row i averages from floor(i size / count) up to ceil((i + 1) size / count)."""
    matrix = np.zeros((count, size), np.float32)
    for row in range(count):
        start, stop = row * size // count, -(-(row + 1) * size // count)
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix


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
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        raise SourceError(
            f"PyTorch cannot export this model: {lines[0] if lines else type(cause).__name__}; "
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
        self._score, self._layers = score, layers
        shape = captured.model.graph.inputs[0].shape
        self._fixed_batch = shape is not None and isinstance(shape[0], int)
        self._outputs = [value.name or "" for value in captured.model.graph.outputs]
        nodes = {node.name: node for node in self._module.graph.nodes}
        self._rectifiers = [(x if x in nodes else _only_input(nodes.get(y)) or x, y) for x, y in rectifiers]
        self._missing = {name for name in (score, *layers.values()) if name not in nodes}
        self._missing_rectifiers = [pair for pair in self._rectifiers if not nodes.keys() >= set(pair)]

    def __call__(
        self, image: npt.NDArray[Any], target: npt.NDArray[np.int64]
    ) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
        """The outputs that a run at level 2 must have, by name, and what could not be computed, in words.

        Args:
            image: [N, C, H, W]; in float64, the program is run in float64.
            target: [T] class indices, no ranks; T = N or N = 1.

        Raises:
            SourceError: PyTorch has no derivative for an operator of the program.
        """
        try:
            with _quiet():
                return self._answers(image, target)
        except RuntimeError as error:
            raise SourceError(
                f"PyTorch cannot differentiate the program that it captured: {str(error).partition(chr(10))[0]}; "
                "export without the comparison (verify=False, --no-verify)"
            ) from error

    def _answers(
        self, image: npt.NDArray[Any], target: npt.NDArray[np.int64]
    ) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
        if len(target) > len(image) and self._fixed_batch:
            alone = [self._answers(image, target[row : row + 1]) for row in range(len(target))]
            answers, remarks = alone[0]
            for name in answers:
                if name.startswith((contract.GRADIENTS_PREFIX, contract.GUIDED_OUTPUT)):
                    answers[name] = np.concatenate([each[name] for each, _ in alone])
            return answers, remarks
        count = len(image)
        x = torch.from_numpy(np.repeat(image, len(target) // count, axis=0)).requires_grad_()
        module = copy.deepcopy(self._module).double() if x.dtype == torch.float64 else self._module
        rows = torch.arange(len(target)), torch.from_numpy(target)
        plain = _Interpreter(module, ())
        returned = torch.utils._pytree.tree_leaves(plain.run(x))  # noqa: SLF001 — no public name for it
        answers = {name: _array(value)[:count] for name, value in zip(self._outputs, returned, strict=True)}
        if self._score in self._missing:
            return answers, (f"not compared: the scores {self._score!r} have no counterpart in the PyTorch program",)
        scores = plain.values[self._score].flatten(1)
        answers[contract.SCORES_OUTPUT] = _array(scores)[:count]
        notes = []
        for layer, value in self._layers.items():
            if value in self._missing:
                notes.append(f"not compared: layer {layer!r} ({value}) has no counterpart in the PyTorch program")
                continue
            activations = plain.values[value]
            (gradients,) = torch.autograd.grad(scores[rows].sum(), activations, retain_graph=True)
            answers[contract.ACTIVATIONS_PREFIX + layer] = _array(activations)[:count]
            answers[contract.GRADIENTS_PREFIX + layer] = _array(gradients)
        if self._missing_rectifiers:
            pairs = ", ".join(f"{x} -> {y}" for x, y in self._missing_rectifiers)
            return answers, (*notes, f"not compared: guided gradient, no counterpart in the PyTorch program of {pairs}")
        guided = _Interpreter(module, self._rectifiers)
        guided.run(x)
        (gradients,) = torch.autograd.grad(guided.values[self._score].flatten(1)[rows].sum(), x)
        answers[contract.GUIDED_OUTPUT] = _array(gradients)
        return answers, tuple(notes)


def _only_input(node: torch.fx.Node | None) -> str | None:
    """What an activation was applied to, where ONNX calls it by another name, such as one part of a Split."""
    inputs = [] if node is None else node.all_input_nodes
    return inputs[0].name if len(inputs) == 1 else None


class _Interpreter(torch.fx.Interpreter):
    """Runs a program node by node, keeps every value, and puts the guided rule behind rectifiers."""

    def __init__(self, module: torch.fx.GraphModule, rectifiers: Sequence[tuple[str, str]]) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[str, torch.Tensor] = {}
        self._rectified = {y: x for x, y in rectifiers}
        self._double = any(parameter.dtype == torch.float64 for parameter in module.parameters())

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._double and getattr(kwargs.get("dtype"), "is_floating_point", False):
            kwargs = {**kwargs, "dtype": torch.float64}  # casts in the program would take precision away
        return super().call_function(_REPLACED.get(target, target), args, kwargs)

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self._rectified:
            result = _GuidedRule.apply(result, self.values[self._rectified[n.name]])  # type: ignore[no-untyped-call]
        self.values[n.name] = result
        return result


def _variance(a: torch.Tensor, dims: Sequence[int], correction: float = 1, **_: Any) -> torch.Tensor:
    return torch.var(a, tuple(dims), correction=correction)


def _broadcast_in_dim(a: torch.Tensor, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> torch.Tensor:
    placed = [1] * len(shape)
    for size, axis in zip(a.shape, broadcast_dimensions, strict=True):
        placed[axis] = size
    return a.reshape(placed).expand(tuple(shape))


# Some of PyTorch's functions are exported as primitives of its compiler, which have no derivative in PyTorch; others
# depend on strides.
_REPLACED = {
    torch.ops.prims.var.default: _variance,
    torch.ops.prims.broadcast_in_dim.default: _broadcast_in_dim,
    torch.ops.prims.convert_element_type.default: torch.Tensor.to,
    torch.ops.aten.view.default: torch.Tensor.reshape,  # a view where it was captured may be none here
}


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
