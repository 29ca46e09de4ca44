"""Functions of one number: what element-wise operators compute, and which activation a curve is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Array = npt.NDArray[Any]

# Where curves are compared; the far points tell what saturates from what does not.
GRID: Array = np.concatenate([[-30.0, -15.0], np.linspace(-8, 8, 65), [15.0, 30.0]])


@dataclass(frozen=True, slots=True)
class Activation:
    """A known activation with its parameters.

    Attributes:
        op_type: The ONNX operator.
        curve: Its values on the grid.
        attributes: Its attributes.
        bounds: Its constant inputs, for ``Clip``.
    """

    op_type: str
    curve: Array
    attributes: Mapping[str, float | str] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()


def recognise(y: Array, tolerance: float) -> Activation | None:
    """The activation whose values on the grid these are, its parameters read off the curve; None if there is none."""
    y = np.broadcast_to(np.asarray(y, np.float64), GRID.shape)
    if not np.isfinite(y).all() or np.allclose(y, GRID, rtol=tolerance, atol=tolerance):
        return None  # x + 1e-6 is no activation, though a LeakyRelu of slope 1 comes close
    with np.errstate(over="ignore"):  # on the side that is not taken
        return next((known for known in _known(y) if np.allclose(known.curve, y, rtol=tolerance, atol=tolerance)), None)


def _known(y: Array) -> Iterator[Activation]:
    """Every known activation, with the parameters that it would have if the curve were its."""
    x = GRID
    low, below, zero, near, one, high = (float(y[at == GRID].item()) for at in (-30, -1, 0, 0.25, 1, 30))
    rectifies = not y[x < 0].any()  # exactly: a norm that is kept above 1e-12 is no activation
    if rectifies:
        yield Activation("Relu", np.maximum(x, 0))
    yield Activation("HardSwish", x * np.clip(x / 6 + 0.5, 0, 1))
    yield Activation("Gelu", _gelu({}, x))
    yield Activation("Gelu", _gelu_tanh(x), {"approximate": "tanh"})
    yield Activation("Mish", x * np.tanh(np.logaddexp(x, 0)))
    if rectifies and 0 < high < GRID[-1]:
        yield Activation("Clip", np.clip(x, 0, high), bounds=(0.0, high))
    if 0 < -below < 1:
        yield Activation("LeakyRelu", np.where(x > 0, x, -below * x), {"alpha": -below})
    if 1 / 2 < one < 1:
        alpha = math.log(one / (1 - one))
        yield Activation("Swish", x * _sigmoid(alpha * x), {"alpha": alpha})
    if low < 0 < one:
        yield Activation("Elu", np.where(x > 0, x, -low * np.expm1(x)), {"alpha": -low})
        yield Activation("Celu", np.where(x > 0, x, -low * np.expm1(-x / low)), {"alpha": -low})
        yield Activation("Selu", np.where(x > 0, one * x, -low * np.expm1(x)), {"alpha": -low / one, "gamma": one})
    if 0 < zero < 1:
        alpha = (near - zero) / 0.25
        yield Activation("HardSigmoid", np.clip(alpha * x + zero, 0, 1), {"alpha": alpha, "beta": zero})


def _erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf)(x))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _clip(attributes: Mapping[str, Any], x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    del attributes
    return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def _gelu(attributes: Mapping[str, Any], x: Array) -> Array:
    return _gelu_tanh(x) if attributes.get("approximate", "none") == "tanh" else x * (1 + _erf(x / math.sqrt(2))) / 2


def _gelu_tanh(x: Array) -> Array:
    return np.asarray(x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *inputs: function(*inputs)


# What each element-wise operator computes: ``(attributes, *inputs) -> output``.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Abs": _plain(np.abs),
    "Add": _plain(np.add),
    "And": _plain(np.logical_and),
    "Cast": lambda attributes, x: x > 0 if attributes["to"] == int(ir.DataType.BOOL) else x * 1.0,
    "Clip": _clip,
    "Div": _plain(np.divide),
    "Elu": lambda attributes, x: np.where(x > 0, x, attributes.get("alpha", 1.0) * np.expm1(x)),
    "Equal": _plain(np.equal),
    "Erf": _plain(_erf),
    "Exp": _plain(np.exp),
    "Gelu": _gelu,
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "HardSigmoid": lambda attributes, x: np.clip(attributes.get("alpha", 0.2) * x + attributes.get("beta", 0.5), 0, 1),
    "Identity": _plain(np.asarray),
    "LeakyRelu": lambda attributes, x: np.where(x > 0, x, attributes.get("alpha", 0.01) * x),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Log": _plain(np.log),
    "Max": lambda _, *inputs: np.max(np.broadcast_arrays(*inputs), axis=0),
    "Min": lambda _, *inputs: np.min(np.broadcast_arrays(*inputs), axis=0),
    "Mul": _plain(np.multiply),
    "Neg": _plain(np.negative),
    "Not": _plain(np.logical_not),
    "Or": _plain(np.logical_or),
    "Pow": _plain(np.power),
    "Reciprocal": _plain(np.reciprocal),
    "Relu": lambda _, x: np.maximum(x, 0),
    "Sigmoid": _plain(_sigmoid),
    "Sign": _plain(np.sign),
    "Softplus": lambda _, x: np.logaddexp(x, 0),
    "Softsign": lambda _, x: x / (1 + np.abs(x)),
    "Sqrt": _plain(np.sqrt),
    "Sub": _plain(np.subtract),
    "Sum": lambda _, *inputs: sum(inputs),
    "Tanh": _plain(np.tanh),
    "Where": _plain(np.where),
}
