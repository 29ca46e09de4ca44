"""Models made for looking into a forward pass: cut at a value, or with the gradient's course written out."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common_passes
import onnxruntime as ort

from onnxcam import contract
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rules import GUIDED, PLAIN, Rule
from onnxcam_export.differentiate.tables import RECTIFIERS, rectifies
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.files import save
from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.assemble.outputs import Forward
    from onnxcam_export.graph.steps import Step

VALUE = "onnxcam.value"
PLAIN_GRADIENT = "onnxcam.plain_gradient"
TRACE = "onnxcam.trace/"
SAMPLES = 4096


def load(model: ir.Model, *, optimised: bool = True) -> ort.InferenceSession:
    """The model in ONNX Runtime on the CPU; its threads do not spin, since several sessions take turns."""
    options = ort.SessionOptions()
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # what goes wrong is in the exception
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save(model, path)
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def with_outputs(model: ir.Model, wanted: Mapping[str, str]) -> tuple[ort.InferenceSession, dict[str, str]]:
    """The model with some of its inner values as further outputs.

    Args:
        model: Not changed.
        wanted: What they are called, and the names of the values.

    Returns:
        The session, and of ``wanted`` what the model has.
    """
    copy = _clone(model)
    values = {value.name: value for node in copy.graph for value in node.outputs}
    found = {key: name for key, name in wanted.items() if name in values}
    present = {value.name for value in copy.graph.outputs}
    for name in dict.fromkeys(found.values()):
        if name not in present:
            values[name].dtype = values[name].dtype or ir.DataType.FLOAT
            copy.graph.outputs.append(values[name])
    return load(copy), found


def cut(forward: Forward, value: ir.Value) -> ort.InferenceSession:
    """The forward pass from a value on: ``VALUE`` is an input, the scores [N, C] are the only output."""
    model, values = _copied(forward)
    graph, inner, score = model.graph, values[value.name or ""], values[forward.score.value.name or ""]
    probe = ir.val(VALUE, dtype=inner.dtype, shape=inner.shape)
    inner.replace_all_uses_with(probe)
    if inner in graph.inputs:
        graph.inputs.remove(inner)
    graph.inputs.insert(0, probe)
    op = Builder(graph, score.dtype or ir.DataType.FLOAT, VALUE)
    scores = op.Reshape(probe if score is inner else score, [-1, forward.score.classes])
    graph.extend(op.nodes)
    _output_only(model, {contract.SCORES_OUTPUT: scores}, op.dtype)
    return load(model)


def traced(forward: Forward) -> tuple[ort.InferenceSession, list[str]]:
    """A model that writes out what the guided gradient is made of, for images with a class each.

    Its outputs are the plain and the guided gradient at the image, and for each rectifier samples, in the first image,
    of its input x, its derivative f'(x), and the cotangents dy that reaches it and dx that leaves it.

    Returns:
        The model, with the input ``contract.TARGET_INPUT``, and the rectifiers, for messages.
    """
    model, values = _copied(forward)
    graph, score, image = model.graph, values[forward.score.value.name or ""], values[forward.image.name or ""]
    steps = forward_steps(graph, visible=[values[value.name or ""] for value in forward.layers.values()])
    dtype = score.dtype or ir.DataType.FLOAT
    op = Builder(graph, dtype, "onnxcam.traced")
    target = ir.val(contract.TARGET_INPUT, dtype=ir.DataType.INT64, shape=["targets"])
    graph.inputs.append(target)
    seed = op.reshape_rows(op.one_hot(target, forward.score.classes), static_shape(score))
    seen: list[tuple[Step, dict[str, ir.Value]]] = []
    tables = {PLAIN_GRADIENT: PLAIN, contract.GUIDED_OUTPUT: _watched(seen)}
    outputs = {
        name: op.Cast(backprop(op, steps, score, seed, [image], rules=rules)[image], to=int(dtype))
        for name, rules in tables.items()
    }
    for index, (step, parts) in enumerate(seen):
        for part, value in parts.items():
            outputs[f"{TRACE}{index}/{part}"] = _sample(op, value, int(np.prod(static_shape(step.x))), dtype)
    graph.extend([*op.once.nodes, *op.nodes])
    _output_only(model, outputs, dtype)
    return load(model), [str(step) for step, _ in seen]


def _watched(seen: list[tuple[Step, dict[str, ir.Value]]]) -> dict[str, Rule]:
    """The guided table, noting at each rectifier what comes and goes."""

    def watched(name: str) -> Rule:
        guided, plain = GUIDED[name], PLAIN[name]

        def formula(op: Builder, node: Step, *dy: ir.Value) -> Any:
            gradients = guided.formula(op, node, *dy)
            if rectifies(node):
                ones = op.Add(op.Mul(dy[0], 0.0), 1.0)
                parts: dict[str, Any] = {
                    "x": node.x,
                    "dy": dy[0],
                    "dx": gradients[0],
                    "slope": plain.formula(op, node, ones)[0],
                }
                seen.append((node, parts))
            return gradients

        return replace(guided, formula=formula)

    return {name: watched(name) if name in RECTIFIERS else rule for name, rule in PLAIN.items()}


def _sample(op: Builder, value: ir.Value, size: int, dtype: ir.DataType) -> ir.Value:
    index = np.linspace(0, size - 1, min(size, SAMPLES)).astype(np.int64)
    result: ir.Value = op.Cast(op.Gather(op.Reshape(value, [-1]), index, axis=0), to=int(dtype))
    return result


def _copied(forward: Forward) -> tuple[ir.Model, dict[str, ir.Value]]:
    model = _clone(forward.model)
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    return model, {value.name or "": value for value in values}


def _clone(model: ir.Model) -> ir.Model:
    copy = model.clone()
    copy.meta.update(model.meta)
    return copy


def _output_only(model: ir.Model, outputs: Mapping[str, ir.Value], dtype: ir.DataType) -> None:
    for name, value in outputs.items():
        value.name, value.type = name, ir.TensorType(dtype)
    model.graph.outputs[:] = list(outputs.values())
    common_passes.RemoveUnusedNodesPass()(model)
