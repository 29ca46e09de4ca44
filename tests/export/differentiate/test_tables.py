"""Guided backpropagation and deconvnet against a plain NumPy account of both rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, deconvnet, guided
from onnxcam_export.graph.steps import Step


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def central(f: Any) -> Any:
    return lambda x: (f(x + 1e-6) - f(x - 1e-6)) / 2e-6


SELU = (1.0507009873554805, 1.6732632423543772)

# The graph, its constants, and f'(x).
SLOPES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "Relu": ("Relu(x)", {}, lambda x: x > 0),
    "Clip": ("Clip(x, low, high)", {"low": np.float32(0), "high": np.float32(1)}, lambda x: (x > 0) & (x < 1)),
    "LeakyRelu": ("LeakyRelu<alpha=0.1>(x)", {}, lambda x: np.where(x > 0, 1, 0.1)),
    "PRelu": ("PRelu(x, s)", {"s": np.float32(0.2).reshape(1)}, lambda x: np.where(x > 0, 1, 0.2)),
    "ThresholdedRelu": ("ThresholdedRelu<alpha=-0.5>(x)", {}, lambda x: x > -0.5),
    "Elu": ("Elu(x)", {}, lambda x: np.where(x > 0, 1, np.exp(x))),
    "Celu": ("Celu<alpha=2.0>(x)", {}, lambda x: np.where(x > 0, 1, np.exp(x / 2))),
    "Selu": ("Selu(x)", {}, lambda x: SELU[0] * np.where(x > 0, 1, SELU[1] * np.exp(x))),
    "Swish": ("s = Sigmoid(x) y = Mul(x, s)", {}, central(lambda x: x * sigmoid(x))),
    "HardSwish": ("HardSwish(x)", {}, central(lambda x: x * np.clip(x / 6 + 0.5, 0, 1))),
    "Gelu": ("Gelu(x)", {}, central(lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2)),
    "Mish": ("Mish(x)", {}, central(lambda x: x * np.tanh(np.log1p(np.exp(x))))),
}


GATE = "a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)"  # a hard sigmoid


def computed(graph: Any, evaluate: Any, rules: Any, text: str, **tensors: Any) -> tuple[Any, Any, Any]:
    function = graph(text, x=("N", 3, 4, 5), **tensors)
    x = 2 * function.variables(rows=2)["x"]
    y = function.forward({"x": x})
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    return x, dy, evaluate(function.gradient(rules=rules), {"x": x, "dy": dy})["dx"]


def test_every_rectifier_is_checked() -> None:
    assert set(SLOPES) | {"QuantizeLinear"} == {name for name, rule in PLAIN.items() if rule.rectifies}


@pytest.mark.parametrize("name", SLOPES)
def test_guided(name: str, graph: Any, evaluate: Any) -> None:
    text, tensors, slope = SLOPES[name]
    x, dy, dx = computed(graph, evaluate, guided(PLAIN), text, **tensors)
    expected = np.maximum(dy, 0) * slope(x.astype(np.float64)) * (x > 0)
    np.testing.assert_allclose(dx, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SLOPES)
def test_deconvnet(name: str, graph: Any, evaluate: Any) -> None:
    text, tensors, _ = SLOPES[name]
    _, dy, dx = computed(graph, evaluate, deconvnet(PLAIN), text, **tensors)
    np.testing.assert_array_equal(dx, np.maximum(dy, 0))


@pytest.mark.parametrize(
    "text",
    [
        "Sigmoid(x)",
        "Tanh(x)",
        "HardSigmoid(x)",
        "Softplus(x)",
        "Clip(x, one)",
        "a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)",
    ],
)
@pytest.mark.parametrize("rules", [guided(PLAIN), deconvnet(PLAIN)])
def test_gates_and_other_clips_keep_their_true_derivative(text: str, rules: Any, graph: Any, evaluate: Any) -> None:
    numbers = {"one": 1, "three": 3, "zero": 0, "six": 6}
    tensors = {name: np.float32(value) for name, value in numbers.items() if name in text}
    _, _, dx = computed(graph, evaluate, rules, text, **tensors)
    _, _, true = computed(graph, evaluate, PLAIN, text, **tensors)
    np.testing.assert_array_equal(dx, true)


def test_the_rule_acts_on_the_sum_of_what_reaches_the_output(graph: Any, evaluate: Any) -> None:
    # -3 dy + 2 dy is negative where dy is positive: rectifying each part would let 2 dy through.
    text = "r = Relu(x) a = Mul(r, minus) b = Mul(r, two) y = Add(a, b)"
    x, dy, dx = computed(graph, evaluate, guided(PLAIN), text, minus=np.float32(-3), two=np.float32(2))
    np.testing.assert_allclose(dx, np.maximum(-dy, 0) * (x > 0), rtol=1e-6)


def test_quantising_that_replaced_a_rectifier_is_one(graph: Any, evaluate: Any) -> None:
    text = "a = Add(x, x) q = QuantizeLinear(a, s, z) y = DequantizeLinear(q, s, z)"
    x, dy, dx = computed(graph, evaluate, guided(PLAIN), text, s=np.float32(0.1), z=np.uint8(0))
    inside = (np.rint(20 * x) > 0) & (np.rint(20 * x) < 255)
    np.testing.assert_allclose(dx, 2 * np.maximum(dy, 0) * inside, rtol=1e-6)


def test_quantising_the_picture_is_no_rectifier(graph: Any, evaluate: Any) -> None:
    text = "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)"
    x, dy, dx = computed(graph, evaluate, guided(PLAIN), text, s=np.float32(0.1), z=np.uint8(0))
    inside = (np.rint(10 * x) >= 0) & (np.rint(10 * x) <= 255)
    np.testing.assert_allclose(dx, dy * inside, rtol=1e-6)


@pytest.mark.parametrize("name", ["guided", "deconvnet", "plain"])
@pytest.mark.parametrize("activations", [[], ["Tanh"], ["Tanh", "Relu"]])
def test_a_gradient_that_is_the_plain_one_is_said_to_be(name: str, activations: list[str]) -> None:
    nodes = [ir.node(op_type, [ir.val("x")], name=op_type) for op_type in activations]
    remark = InputGradient.of(name).remark([Step.of(node) for node in nodes])
    assert (remark is not None) == (name != "plain" and "Relu" not in activations)
