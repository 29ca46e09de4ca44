"""Verifies models that compute in float16.

Differences of float16 numbers are lost in rounding. So the same gradients are computed in float32 with the same
weights. The differences verify this twin, and the artifact must agree with the twin as closely as float16 allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from onnxcam import contract
from onnxcam.execution.golden import relative_error
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.errors import ParityError
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.session import open_model
from onnxcam_export.verify import probe_models
from onnxcam_export.verify.comparison import Comparison, compare_with_exact, tolerance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.graph.session import Session
    from onnxcam_export.graph.steps import Step
    from onnxcam_export.verify.comparison import Array

# Marks the checks of the twin.
IN_FLOAT32 = ", in float32"
_ROUNDING = 2.0**-11  # half of the distance from 1 to the next float16
_TINY = float(np.finfo(np.float16).tiny)


class Twins:
    """The gradients of a float16 model in float32, once with values that are rounded to float16 at random.

    ONNX Runtime's own float16 does not tell how large an error may be: it leaves out some roundings, others in each
    graph.
    """

    def __init__(self, forward: Forward, input_gradient: InputGradient | None, rules: Table) -> None:
        """Makes both models; the forward pass must not be assembled yet."""
        prefixes = (contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX)
        self._views = {prefix + name: view for prefix in prefixes for name, view in forward.views.items()}
        self._exact = _gradients(forward, input_gradient, rules)
        self._rounded = _gradients(forward, input_gradient, rules, rounding=_ROUNDING)

    def compare(
        self, comparison: Comparison, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Compares the artifact with its twin.

        Returns:
            The twin's outputs, which remain to be verified.

        Raises:
            ParityError: A gradient is too small for float16.
        """
        feeds = {**inputs, contract.SEED_INPUT: v}
        exact = self._run(self._exact, feeds)
        for name, value in exact.items():
            error, allowed = relative_error(got[name], value), tolerance(name, halves=True)
            if error <= allowed:
                comparison.add(name, error, allowed)
                continue
            if not name.startswith(contract.ACTIVATIONS_PREFIX) and np.abs(value).max() < _TINY:
                raise ParityError(
                    f"{name} is at most {np.abs(value).max():.0e}, which the model's float16 cannot hold, so the model "
                    "is not written; export the model in float32"
                )
            compare_with_exact(comparison, name, got[name], self._run(self._rounded, feeds)[name], value, halves=True)
        return exact

    def _run(self, session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, through the layers' views."""
        names = [item.name for item in session.get_outputs()]
        outputs = dict(zip(names, session.run(names, probe_models.fed(session, feeds)), strict=True))
        return {name: self._views[name].of(y) if name in self._views else y for name, y in outputs.items()}


def _gradients(
    forward: Forward, input_gradient: InputGradient | None, rules: Table, *, rounding: float = 0.0
) -> Session:
    """A model that outputs the activations and the gradients of the artifact, by the same names.

    Args:
        forward: The prepared forward pass.
        input_gradient: The gradient at the image, or None.
        rules: The rules of the gradients at the layers.
        rounding: The largest relative error of the random numbers that every value of the forward pass is multiplied
            by, as if it were rounded.
    """
    model, values = probe_models.copied(forward)
    graph, score, image = model.graph, values[forward.score.value.name or ""], values[forward.image.name or ""]
    layers = {name: values[value.name or ""] for name, value in forward.layers.items()}
    if rounding:
        _round(graph, forward_steps(graph, visible=list(layers.values())), rounding)
    steps = forward_steps(graph, visible=list(layers.values()))
    op = Builder(graph, score.dtype or ir.DataType.FLOAT, "onnxcam.twin")
    seed = probe_models.seed_rows(op, graph, forward, score)
    by_layer = backprop(op, steps, score, seed, list(layers.values()), rules=rules)
    outputs = {contract.ACTIVATIONS_PREFIX + name: value for name, value in layers.items()}
    outputs |= {contract.GRADIENTS_PREFIX + name: by_layer[value] for name, value in layers.items()}
    if input_gradient is not None:
        outputs[input_gradient.output] = backprop(op, steps, score, seed, [image], rules=input_gradient.rules)[image]
    wide = {name: op.Cast(value, to=int(ir.DataType.FLOAT)) for name, value in outputs.items()}
    graph.extend(op.all_nodes)
    probe_models.output_only(model, wide, ir.DataType.FLOAT)
    return open_model(model)


def _round(graph: ir.Graph, steps: Sequence[Step], error: float) -> None:
    """Multiplies every floating-point value that later steps read by random numbers around 1, in place."""
    for seed, step in enumerate(steps):
        end = step.y.producer()
        if end is None or step.y.dtype != ir.DataType.FLOAT or not step.y.uses() or len(step.outputs) > 1:
            continue
        bounds = {"low": 1 - error, "high": 1 + error, "seed": float(seed)}
        factor = ir.node("RandomUniformLike", [step.y], bounds, name=f"onnxcam.rounding/factor_{seed}")
        product = ir.node("Mul", [step.y, factor.outputs[0]], name=f"onnxcam.rounding/product_{seed}")
        rounded = product.outputs[0]
        rounded.name, rounded.type, rounded.shape = product.name, step.y.type, step.y.shape
        factor.outputs[0].name, factor.outputs[0].type, factor.outputs[0].shape = (
            factor.name,
            rounded.type,
            rounded.shape,
        )
        step.y.replace_all_uses_with(rounded)
        product.replace_input_with(0, step.y)
        factor.replace_input_with(0, step.y)
        graph.insert_after(end, [factor, product])
