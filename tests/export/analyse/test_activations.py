"""Activations that graphs spell out are recognised, and look-alikes are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from onnxcam_export.analyse.activations import forward_steps


def parsed(text: str, kind: str = "float", **arrays: Any) -> ir.Graph:
    """A graph of ``x``, with the numbers that stand in its text as scalar constants, and other constants by name."""
    words = text.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
    numbers = {
        f"c{i}": word for i, word in enumerate(dict.fromkeys(words)) if word.lstrip("-").replace(".", "").isdigit()
    }
    for name, number in numbers.items():
        words = [name if word == number else word for word in words]
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]> g ({kind}[N,3] x) => ({kind} y) {{ {" ".join(words)} }}'
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    dtype = np.float16 if kind == "float16" else np.float32
    arrays |= {name: np.asarray(float(number), dtype) for name, number in numbers.items()}
    for name, array in arrays.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return ir.from_proto(onnx.shape_inference.infer_shapes(model, strict_mode=True)).graph


SPELLED: dict[str, tuple[str, dict[str, Any]]] = {
    "SiLU": ("s = Sigmoid(x) y = Mul(x, s)", {"op_type": "Swish", "alpha": 1.0}),
    "SiLU the other way round": ("s = Sigmoid(x) y = Mul(s, x)", {"op_type": "Swish", "alpha": 1.0}),
    "SiLU of exponentials": (
        "n = Neg(x) e = Exp(n) d = Add(e, 1.0) y = Div(x, d)",
        {"op_type": "Swish", "alpha": 1.0},
    ),
    "Swish with beta": ("b = Mul(x, 1.702) s = Sigmoid(b) y = Mul(x, s)", {"op_type": "Swish", "alpha": 1.702}),
    "GELU": (
        "d = Div(x, 1.4142135) e = Erf(d) p = Add(e, 1.0) h = Mul(x, 0.5) y = Mul(h, p)",
        {"op_type": "Gelu"},
    ),
    "GELU with the half last": (
        "d = Mul(x, 0.70710678) e = Erf(d) p = Add(e, 1.0) h = Mul(x, p) y = Mul(h, 0.5)",
        {"op_type": "Gelu"},
    ),
    "GELU by tanh": (
        (
            "c = Pow(x, 3.0) k = Mul(c, 0.044715) a = Add(x, k) b = Mul(a, 0.7978845608) t = Tanh(b) p = Add(t, 1.0) "
            "h = Mul(x, 0.5) y = Mul(h, p)"
        ),
        {"op_type": "Gelu", "approximate": "tanh"},
    ),
    "HardSwish as HardSigmoid": (
        "h = HardSigmoid<alpha=0.16666667, beta=0.5>(x) y = Mul(x, h)",
        {"op_type": "HardSwish"},
    ),
    "HardSwish as Clip": (
        "a = Add(x, 3.0) c = Clip(a, 0.0, 6.0) d = Div(c, 6.0) y = Mul(x, d)",
        {"op_type": "HardSwish"},
    ),
    "HardSwish with the division last": (
        "a = Add(x, 3.0) c = Clip(a, 0.0, 6.0) m = Mul(x, c) y = Div(m, 6.0)",
        {"op_type": "HardSwish"},
    ),
    "Mish": ("s = Softplus(x) t = Tanh(s) y = Mul(x, t)", {"op_type": "Mish"}),
    "Mish of exponentials": (
        "e = Exp(x) a = Add(e, 1.0) l = Log(a) t = Tanh(l) y = Mul(x, t)",
        {"op_type": "Mish"},
    ),
    "HardSigmoid gate": (
        "a = Add(x, 3.0) c = Clip(a, 0.0, 6.0) y = Div(c, 6.0)",
        {"op_type": "HardSigmoid", "alpha": 1 / 6, "beta": 0.5},
    ),
    "ReLU as Max": ("y = Max(x, 0.0)", {"op_type": "Relu"}),
    "ReLU as Where": ("p = Greater(x, 0.0) y = Where(p, x, 0.0)", {"op_type": "Relu"}),
    "ReLU as Where of two comparisons": (
        "l = Less(x, 0.0) e = Equal(x, 0.0) n = Or(l, e) y = Where(n, 0.0, x)",
        {"op_type": "Relu"},
    ),
    "ReLU as a product": ("p = Greater(x, 0.0) f = Cast<to=1>(p) y = Mul(x, f)", {"op_type": "Relu"}),
    "ReLU as Clip": ("y = Clip(x, 0.0)", {"op_type": "Relu"}),
    "ReLU6 as Min of Max": ("m = Max(x, 0.0) y = Min(m, 6.0)", {"op_type": "Clip", "bounds": (0.0, 6.0)}),
    "leaky ReLU as Max": ("m = Mul(x, 0.1) y = Max(x, m)", {"op_type": "LeakyRelu", "alpha": 0.1}),
    "leaky ReLU of two": (
        "p = Relu(x) n = Neg(x) q = Relu(n) r = Mul(q, 0.2) y = Sub(p, r)",
        {"op_type": "LeakyRelu", "alpha": 0.2},
    ),
    "ELU as Where": (
        "e = Exp(x) m = Sub(e, 1.0) p = Greater(x, 0.0) y = Where(p, x, m)",
        {"op_type": "Elu", "alpha": 1.0},
    ),
}


@pytest.mark.parametrize("name", SPELLED)
def test_recognised(name: str) -> None:
    text, expected = SPELLED[name]
    steps = forward_steps(parsed(text))
    assert [step.op_type for step in steps] == [expected["op_type"]]
    (step,) = steps
    assert step.x.name == "x"
    assert step.y.name == "y"
    for key, value in expected.items():
        if key == "bounds":
            assert [float(step.constant(index)) for index in (1, 2)] == pytest.approx(list(value))
        elif isinstance(value, float):
            assert step.attributes[key] == pytest.approx(value, rel=1e-4)
        elif key != "op_type":
            assert step.attributes[key] == value


@pytest.mark.parametrize(
    "text", ["g = Greater(x, z) y = Where(g, x, z)", "y = Max(x, z)", "l = LessOrEqual(x, z) y = Where(l, z, x)"]
)
def test_recognised_with_a_tensor_of_zeros(text: str) -> None:
    graph = parsed(f"s = Shape(x) z = Expand(0.0, s) {text}")
    assert [step.op_type for step in forward_steps(graph)] == ["Shape", "Expand", "Relu"]


def test_zeros_that_make_x_larger_are_no_part_of_an_activation() -> None:
    arrays = {"axes": np.asarray([1]), "zeros": np.zeros((1, 4), np.float32)}
    graph = parsed("m = ReduceMax<keepdims=1>(x, axes) y = Max(m, zeros)", **arrays)
    assert [step.op_type for step in forward_steps(graph)] == ["ReduceMax", "Max"]


def test_recognised_in_float16() -> None:
    steps = forward_steps(
        parsed("d = Mul(x, 0.7071) e = Erf(d) p = Add(e, 1.0) h = Mul(x, p) y = Mul(h, 0.5)", "float16")
    )
    assert [step.op_type for step in steps] == ["Gelu"]


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("s = Sigmoid(x) y = Add(x, s)", ["Sigmoid", "Add"]),
        ("y = Max(x, 1.0)", ["Max"]),
        ("y = Max(x, 0.000001)", ["Max"]),  # keeps a norm from zero
        ("y = Clip(x, 0.000001)", ["Clip"]),
        ("m = Min(x, 6.0) y = Max(0.0, m)", ["Min", "Relu"]),  # the smallest; it comes to the same
        ("y = Mul(x, 0.5)", ["Mul"]),
        ("y = Clip(x, 0.0, 6.0)", ["Clip"]),
        ("y = Relu(x)", ["Relu"]),
        ("a = Abs(x) y = Mul(a, 1.0)", ["Abs", "Mul"]),
        ("y = Mul(x, 1.0)", ["Mul"]),
        ("n = Neg(x) e = Exp(n) d = Add(e, 1.0) y = Div(1.0, d)", ["Neg", "Exp", "Add", "Div"]),
        ("s = Softmax(x) y = Mul(x, s)", ["Softmax", "Mul"]),
        ("s = Sigmoid(x) m = Mul(x, s) y = Sub(m, s)", ["Sigmoid", "Mul", "Sub"]),
    ],
)
def test_left_as_it_is(text: str, operators: list[str]) -> None:
    assert [step.op_type for step in forward_steps(parsed(text))] == operators


@pytest.mark.parametrize("text", ["y = Add(x, 0.000001)", "y = Mul(x, 1.0)", "d = Div(x, 2.0) y = Mul(d, 2.0)"])
def test_the_identity_but_for_an_epsilon_is_no_leaky_relu(text: str) -> None:
    assert {step.op_type for step in forward_steps(parsed(text))} <= {"Add", "Mul", "Div"}


def test_a_visible_value_stays_the_output_of_a_step() -> None:
    graph = parsed("s = Sigmoid(x) y = Mul(x, s)")
    inner = graph[0].outputs[0]
    assert [step.op_type for step in forward_steps(graph, visible=[inner])] == ["Sigmoid", "Mul"]


def test_the_source_may_be_shared_and_chains_are_told_apart() -> None:
    graph = parsed("a = Sigmoid(x) b = Mul(x, a) c = Sigmoid(b) d = Mul(b, c) r = Relu(b) y = Add(d, r)")
    assert [step.op_type for step in forward_steps(graph)] == ["Swish", "Swish", "Relu", "Add"]
