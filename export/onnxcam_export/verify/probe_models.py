"""Auxiliary models for verification: one starts at a chosen value, one outputs intermediate gradients.

They compute in float32, also where the artifact computes in float16 with the same weights.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam import contract
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rule import PLAIN, Gradients, Rule, Treatment
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.expressions import reshape_rows
from onnxcam_export.graph.float32 import to_float32
from onnxcam_export.graph.session import open_model
from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.graph.session import Failure, Session
    from onnxcam_export.graph.steps import Step
    from onnxcam_export.graph.view import View
    from onnxcam_export.verify.central_differences import Function
    from onnxcam_export.verify.comparison import Array

VALUE = "onnxcam.value"
PLAIN_GRADIENT = "onnxcam.plain_gradient"
TRACE = "onnxcam.trace/"
SAMPLES = 4096


def with_outputs(model: ir.Model, wanted: Mapping[str, str], failure: Failure) -> tuple[Session, dict[str, str]]:
    """The model with some of its inner values as additional outputs.

    Args:
        model: The model, which is not changed.
        wanted: The names of the values, by any key.
        failure: The error if it does not run.

    Returns:
        The session, and the entries of ``wanted`` that the model has.
    """
    copy = _clone(model)
    values = {value.name: value for node in copy.graph for value in node.outputs}
    found = {key: name for key, name in wanted.items() if name in values}
    present = {value.name for value in copy.graph.outputs}
    for name in dict.fromkeys(found.values()):
        if name not in present:
            copy.graph.outputs.append(values[name])
    return open_model(copy, failure), found


def cut(forward: Forward, value: ir.Value, view: View | None = None) -> Session:
    """The forward pass after a value: ``VALUE`` is an input, and the scores, flattened to [N, C], are the only output.

    With a view, ``VALUE`` is [N, K, *places], and tokens that the view skips are computed from the image.
    """
    model, values = copied(forward)
    graph, inner, score = model.graph, values[value.name or ""], values[forward.score.value.name or ""]
    uses, shape = list(inner.uses()), inner.shape
    if view is not None and shape is not None:
        shape = ir.Shape([shape[view.batch_axis], *view.shape])
    probe = ir.val(VALUE, dtype=inner.dtype, shape=shape)
    op = Builder(graph, score.dtype or ir.DataType.FLOAT, VALUE)
    before = op.branch("back").typed(inner.dtype or ir.DataType.FLOAT)
    whole = probe if view is None else view.emit_back(before, probe, inner)
    for use in uses:
        use.node.replace_input_with(use.idx, whole)
    if inner in graph.inputs:
        graph.inputs.remove(inner)
    graph.inputs.insert(0, probe)
    producer = inner.producer()
    if producer is not None:
        graph.insert_after(producer, before.all_nodes)
    scores = op.Reshape(whole if score is inner else score, [-1, math.prod(forward.score.shape)])
    graph.extend(op.nodes)
    output_only(model, {contract.SCORES_OUTPUT: scores}, op.dtype)
    return open_model(model)


def traced(forward: Forward, input_gradient: InputGradient, rules: Table) -> tuple[Session, list[Treatment]]:
    """A model that outputs the gradient at the image and the gradients at every rectifier, for a row of v per image.

    Its outputs are the plain gradient, by the rules of the layers' gradients, and the requested gradient. For each
    rectifier with another rule there are samples, in the first image, of its input x, its derivative f'(x), the
    gradient dy that reaches it and the gradient dx that leaves it.

    Returns:
        The model, with the input ``contract.SEED_INPUT``, and the treatment of each rectifier.
    """
    model, values = copied(forward)
    graph, score, image = model.graph, values[forward.score.value.name or ""], values[forward.image.name or ""]
    steps = forward_steps(graph, visible=[values[value.name or ""] for value in forward.layers.values()])
    dtype = score.dtype or ir.DataType.FLOAT
    op = Builder(graph, dtype, "onnxcam.traced")
    seed = seed_rows(op, graph, forward, score)
    seen: list[tuple[Step, dict[str, ir.Value]]] = []
    tables = {PLAIN_GRADIENT: rules, input_gradient.output: _watched(input_gradient, seen)}
    outputs = {
        name: op.Cast(backprop(op, steps, score, seed, [image], rules=table)[image], to=int(dtype))
        for name, table in tables.items()
    }
    for index, (step, parts) in enumerate(seen):
        for part, value in parts.items():
            outputs[f"{TRACE}{index}/{part}"] = _sample(op, value, int(np.prod(static_shape(step.x))), dtype)
    graph.extend(op.all_nodes)
    output_only(model, outputs, dtype)
    return open_model(model), [input_gradient.treatment(step) for step, _ in seen]


def score_at(session: Session, inputs: Mapping[str, Array], a: Array, image: int, v: Array) -> Function:
    """``<v, scores>`` as a function of one image's activation, [1, ...]."""
    needed = {item.name: item for item in session.get_inputs()}
    fixed = isinstance(needed[VALUE].shape[0], int)
    start, stop = (0, len(a)) if fixed else (image, image + 1)
    feeds = fed(session, rows(inputs, slice(start, stop), len(a)))

    def y(value: Array) -> float:
        whole = a[start:stop].copy()
        whole[image - start] = value[0]
        (scores,) = session.run([contract.SCORES_OUTPUT], {**feeds, **fed(session, {VALUE: whole})})
        return float((scores[image - start].astype(np.float64) * v.ravel()).sum())

    return y


def rows(inputs: Mapping[str, Array], images: slice | Array, count: int) -> dict[str, Array]:
    """The inputs of some of the images; inputs without a row for each image stay whole."""
    return {name: value[images] if value.ndim and len(value) == count else value for name, value in inputs.items()}


def fed(session: Session, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs that a session has, in the floating-point type that it takes."""
    types = {item.name: item.type for item in session.get_inputs()}
    return {name: value.astype(_TYPES.get(types[name], value.dtype)) for name, value in inputs.items() if name in types}


_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def seed_rows(op: Builder, graph: ir.Graph, forward: Forward, score: ir.Value) -> ir.Value:
    """The rows of v in the new input ``contract.SEED_INPUT``, in the shape of the scores."""
    given = ir.val(contract.SEED_INPUT, dtype=ir.DataType.FLOAT, shape=["seeds", *forward.score.shape])
    graph.inputs.append(given)
    return reshape_rows(op, op.Cast(given, to=int(op.dtype)), static_shape(score))


def _watched(input_gradient: InputGradient, seen: list[tuple[Step, dict[str, ir.Value]]]) -> dict[str, Rule]:
    """The table of rules, which also records the gradients that reach and leave each rectifier in ``seen``."""

    def watched(rule: Rule) -> Rule:
        def formula(op: Builder, step: Step, *dy: ir.Value) -> Gradients:
            gradients = rule.formula(op, step, *dy)
            if input_gradient.treatment(step) in {Treatment.GUIDED, Treatment.DECONVNET} and gradients[0] is not None:
                ones = op.Add(op.Mul(dy[0], 0.0), 1.0)
                slope = PLAIN[step.op_type].formula(op, step, ones)[0]
                parts = {"x": step.x, "dy": dy[0], "dx": gradients[0], "slope": slope}
                seen.append((step, {name: value for name, value in parts.items() if value is not None}))
            return gradients

        return replace(rule, formula=formula)

    return {name: watched(rule) for name, rule in input_gradient.rules.items()}


def _sample(op: Builder, value: ir.Value, size: int, dtype: ir.DataType) -> ir.Value:
    index = np.linspace(0, size - 1, min(size, SAMPLES)).astype(np.int64)
    return op.Cast(op.Gather(op.Reshape(value, [-1]), index, axis=0), to=int(dtype))


def copied(forward: Forward) -> tuple[ir.Model, dict[str, ir.Value]]:
    """A copy of the forward pass in float32, and its values by name."""
    model = _clone(forward.model)
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    return model, {value.name or "": value for value in values}


def _clone(model: ir.Model) -> ir.Model:
    copy = model.clone()
    copy.meta.update(model.meta)
    to_float32(copy)
    return copy


def output_only(model: ir.Model, outputs: Mapping[str, ir.Value], dtype: ir.DataType) -> None:
    """Makes values, of that type, the only outputs of a model, and removes what they do not need."""
    for name, value in outputs.items():
        value.name, value.type = name, ir.TensorType(dtype)
    model.graph.outputs[:] = list(outputs.values())
    common_passes.RemoveUnusedNodesPass()(model)
