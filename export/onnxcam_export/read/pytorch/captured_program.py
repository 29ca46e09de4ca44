"""What is found, changed and refused in a program that PyTorch captured, before it becomes a graph."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Collection

    import onnx_ir as ir

SQUEEZE_NOTE = (
    "squeeze() keeps the batch also if it is one image, which the module drops: use squeeze(1), or another axis, to "
    "have both alike"
)
_WITHOUT_KERNELS = {torch.bfloat16, torch.float64}
# Where a batch norm has its running mean, and whether it trains, among its arguments.
_RUNNING_MEAN, _TRAINS = 3, 5
_BATCH_NORMS = (
    "aten.batch_norm.",
    "aten._native_batch_norm_legit",
    "aten.native_batch_norm.",
    "aten.cudnn_batch_norm.",
)


def with_fixed_axes(program: torch.export.ExportedProgram) -> tuple[torch.export.ExportedProgram, tuple[str, ...]]:
    """The program with the axes of each ``squeeze()`` written out, and a note if there are any.

    Which axes ``squeeze()`` removes depends on the run: with one image, the batch too. The axes that it removes for any
    batch are those of size 1 in the captured shapes.
    """
    if not any(_drops_the_batch(node) for node in program.graph.nodes):
        return program, ()
    program = copy.copy(program)
    program._graph_module = copy.deepcopy(program.graph_module)  # noqa: SLF001 — the caller's program is not changed
    for node in filter(_drops_the_batch, program.graph.nodes):
        sizes = node.args[0].meta["val"].shape
        node.args = (node.args[0], [axis for axis, size in enumerate(sizes) if isinstance(size, int) and size == 1])
        node.target = torch.ops.aten.squeeze.dims
    program.graph_module.recompile()
    return program, (SQUEEZE_NOTE,)


def _drops_the_batch(node: torch.fx.Node) -> bool:
    """Whether it is a ``squeeze()`` of what has a batch of any size."""
    if node.target is not torch.ops.aten.squeeze.default:
        return False
    (x,) = node.args
    return any(not isinstance(size, int) for size in x.meta["val"].shape)  # type: ignore[union-attr]


def check_batch_norms(program: torch.export.ExportedProgram) -> None:
    """Refuses batch norms in training mode; those without running statistics have no other mode.

    Raises:
        SourceError: There is one.
    """
    for node in filter(_trains, program.graph.nodes):
        raise SourceError(
            f"the batch norm {_module_of(node)!r} is in training mode, so that an image's scores depend on the others "
            "of its batch; call .eval() before torch.export.export, and see that the module's own eval() and forward() "
            "leave it in evaluation mode"
        )


def _trains(node: torch.fx.Node) -> bool:
    """Whether it is a batch norm that has running statistics, and does not use them."""
    if not str(node.target).startswith(_BATCH_NORMS) or len(node.args) <= _TRAINS:
        return False
    return node.args[_TRAINS] is True and node.args[_RUNNING_MEAN] is not None


def _module_of(node: torch.fx.Node) -> str:
    """The name of the module that a node belongs to, or the node's own."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack and stack[-1][0] else node.name


def stops_at_detach(graph: torch.fx.Graph, inputs: Collection[Any] | None = None) -> bool:
    """Whether the gradients stop at ``detach()``, as they do where the image reaches each output around it too.

    An example is a straight-through estimator, ``f + (q - f).detach()``. If an output depends on the image through a
    detached value alone, as a head that was trained on frozen features does, its gradient would be zero and explain
    nothing.

    Args:
        graph: The program's graph.
        inputs: The names of the placeholders that are no parameters; None for all.
    """
    names = {node.name for node in graph.nodes if node.op == "placeholder" and (inputs is None or node.name in inputs)}
    whole, around = _reached(graph, names, through_detach=True), _reached(graph, names, through_detach=False)
    (output,) = (node for node in graph.nodes if node.op == "output")
    return all(node in around for node in output.all_input_nodes if node in whole)


def _reached(graph: torch.fx.Graph, inputs: Collection[str], *, through_detach: bool) -> set[torch.fx.Node]:
    """The nodes that have a gradient at one of the inputs, if it flows through ``detach()`` or not."""
    reached: set[torch.fx.Node] = set()
    for node in graph.nodes:
        value = node.meta.get("val")
        floating = not isinstance(value, torch.Tensor) or value.is_floating_point() or value.is_complex()
        stops = node.target is torch.ops.aten.detach.default and not through_detach
        if floating and not stops and (node.name in inputs or not reached.isdisjoint(node.all_input_nodes)):
            reached.add(node)
    return reached


def make_float32(program: torch.export.ExportedProgram) -> None:
    """Makes a program compute in float32 what it computes in bfloat16 and float64, in place: weights and casts."""
    for tensors in (program.state_dict, program.constants):
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.Tensor) and tensor.dtype in _WITHOUT_KERNELS:
                wide = tensor.detach().float()
                tensors[name] = torch.nn.Parameter(wide) if isinstance(tensor, torch.nn.Parameter) else wide
    tree_map = torch.utils._pytree.tree_map  # noqa: SLF001 — no public name for it
    for node in program.graph.nodes:
        node.args, node.kwargs = tree_map(_widened, node.args), tree_map(_widened, node.kwargs)
    program.graph_module.recompile()


def _widened(argument: Any) -> Any:
    return torch.float32 if isinstance(argument, torch.dtype) and argument in _WITHOUT_KERNELS else argument


def name_apart(model: ir.Model, program: torch.export.ExportedProgram) -> None:
    """Renames weights that have the name of a value, in place: a buffer ``mean`` beside what ``x.mean()`` gives.

    Such a weight gets its name in the program, ``b_mean``. The values keep theirs, by which they are verified.
    """
    signature, graph = program.graph_signature, model.graph
    own = signature.inputs_to_parameters | signature.inputs_to_buffers
    names = {weight: placeholder for placeholder, weight in own.items()}
    taken = {value.name for node in graph for value in node.outputs} | {value.name for value in graph.inputs}
    for name, value in list(graph.initializers.items()):
        if name in taken:
            del graph.initializers[name]
            value.name = _unused(names.get(name, name), taken | graph.initializers.keys())
            graph.register_initializer(value)


def _unused(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name
