"""The walk: what it refuses and says, and what it passes through."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.errors import OperatorError, ScoreError, ShapeError
from onnxcam_export.graph.builder import Builder

REVERSED = "ReverseSequence<batch_axis=0, time_axis=1>"  # an operator without a rule


def test_all_operators_without_a_rule_are_listed_in_one_error(graph: Any) -> None:
    function = graph(
        f"h = {REVERSED}(x, n) r = Relu(h) d = Det(r) y = Unsqueeze(d, axes)", x=("N", 3, 3), n=[3, 2], axes=[1]
    )
    with pytest.raises(OperatorError) as caught:
        function.gradient()
    message = str(caught.value)
    assert message.startswith("no gradient rule for Det, ReverseSequence; needed because they stand between")
    assert "ReverseSequence node '' (x, n -> h)" in message
    assert "Det node '' (r -> d)" in message
    assert "Relu" not in message
    assert "register a rule with @onnxcam_export.rule" in message


def test_what_does_not_lie_between_needs_no_rule(graph: Any, evaluate: Any) -> None:
    function = graph(f"h = {REVERSED}(c, n) y = Add(x, h)", x=("N", 3), c=(1, 3), n=[2])
    x = function.variables(rows=2)["x"]
    np.testing.assert_array_equal(evaluate(function.gradient(), {"x": x, "dy": x})["dx"], x)


def test_what_writes_a_source_needs_a_rule_for_the_sources_before_it_only(graph: Any) -> None:
    model = ir.from_proto(graph(f"h = {REVERSED}(x, n) y = Relu(h)", x=("N", 3), n=[3, 2]).proto())
    x, y = model.graph.inputs[0], model.graph.outputs[0]
    steps = forward_steps(model.graph)
    h = steps[0].y
    assert set(backprop(Builder(model.graph), steps, y, y, [h], rules=PLAIN)) == {h}
    with pytest.raises(OperatorError, match="no gradient rule for ReverseSequence"):
        backprop(Builder(model.graph), steps, y, y, [h, x], rules=PLAIN)


def test_weights_computed_from_the_image_are_refused(graph: Any) -> None:
    function = graph("w = ReduceMean(x, axes) y = Conv(x, w)", x=(1, "N", 3, 3), axes=[0])
    function.shapes["x"] = (1, 2, 3, 3)
    with pytest.raises(OperatorError, match=r"the rule for Conv has no gradient for 'w', which depends on the image"):
        function.gradient()


def test_a_score_without_a_gradient_is_refused(graph: Any) -> None:
    with pytest.raises(ScoreError, match="the score 'y' does not depend on 'x' in a differentiable way"):
        graph("Floor(x)", x=("N", 3)).gradient()
    with pytest.raises(ScoreError, match="does not depend on 'x'"):
        graph("i = Cast<to=7>(x) y = Cast<to=1>(i)", x=("N", 3)).gradient()


def test_an_operand_computed_by_the_graph_is_refused_where_it_must_be_constant(graph: Any) -> None:
    function = graph("i = ArgMax<axis=1, keepdims=0>(x) y = Gather<axis=1>(x, i)", x=("N", 3))
    with pytest.raises(ShapeError, match=r"Gather node '' \(x, i -> y\) computes its input 1 \('i'\) in the graph"):
        function.gradient()


@pytest.mark.parametrize("operator", ["HardSwish", "Gelu", "Clip", "Elu", "LeakyRelu", "Softmax", "Softplus"])
def test_types_may_change_on_the_way(operator: str, graph: Any, evaluate: Any) -> None:
    operands = "(h, low, high)" if operator == "Clip" else "(h)"
    text = f"h = Cast<to=10>(x) a = {operator}{operands} f = Cast<to=1>(a) y = Elu(f)"
    bounds = {"low": np.float16(-0.5), "high": np.float16(0.5)} if operator == "Clip" else {}
    function = graph(text, x=("N", 3, 4), **bounds)
    variables = function.variables(rows=2)
    dy = np.random.default_rng(1).standard_normal(variables["x"].shape).astype(np.float32)
    dx = evaluate(function.gradient(), {**variables, "dy": dy})["dx"]
    same = graph(f"a = {operator}{operands.replace('h,', 'x,').replace('(h)', '(x)')} y = Elu(a)", x=("N", 3, 4))
    same.constants = {name: value.astype(np.float32) for name, value in bounds.items()}
    expected = evaluate(same.gradient(), {**variables, "dy": dy})["dx"]
    np.testing.assert_allclose(dx, expected, rtol=2e-2, atol=2e-3)


def test_rules_are_values(graph: Any, evaluate: Any) -> None:
    from dataclasses import replace  # noqa: PLC0415 — of this test alone

    doubled = replace(PLAIN["Relu"], formula=lambda op, node, dy: [op.Mul(dy, 2.0)])  # noqa: ARG005
    function = graph("Relu(x)", x=("N", 3))
    x = function.variables(rows=2)["x"]
    dx = evaluate(function.gradient(rules={**PLAIN, "Relu": doubled}), {"x": x, "dy": x})["dx"]
    np.testing.assert_array_equal(dx, 2 * x)


@pytest.mark.parametrize("equation", ["nchh->nch", "...cw->...c"])
def test_an_einsum_that_has_no_einsum_as_its_gradient_is_refused(equation: str, graph: Any) -> None:
    with pytest.raises(OperatorError, match=r"the rule for Einsum takes no diagonals, .* is not supported"):
        graph(f'Einsum<equation="{equation}">(x)', x=("N", 2, 3, 3)).gradient()


def test_the_gradient_of_an_output_that_a_rule_does_not_take_is_refused(graph: Any) -> None:
    function = graph("n, m, d = LayerNormalization(x, s) y = Mul(n, d)", x=("N", 4), s=(4,))
    with pytest.raises(OperatorError, match=r"the rule for LayerNormalization does not support .* its output 'd', on"):
        function.gradient()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("LSTM<hidden_size=3, clip=0.5>(x, w, r)", "clip"),
        ("LSTM<hidden_size=3, input_forget=1>(x, w, r)", "input_forget"),
        ("LSTM<hidden_size=3>(x, w, r, , , , , p)", r"P \(peepholes\)"),
        ("LSTM<hidden_size=3>(x, w, r, , lengths)", "sequence_lens"),
        ('LSTM<hidden_size=3, activations=["Sigmoid", "Tanh", "Relu"]>(x, w, r)', "activations"),
    ],
)
def test_what_a_recurrent_layer_sets_beyond_its_formulas_is_refused(call: str, named: str, graph: Any) -> None:
    lengths = np.asarray([3, 4], np.int32)
    function = graph(f"y = {call}", x=(4, "N", 2), w=(1, 12, 2), r=(1, 12, 3), p=(1, 9), lengths=lengths)
    with pytest.raises(OperatorError, match=rf"sets {named}, which is not supported; export the network without"):
        function.gradient()
