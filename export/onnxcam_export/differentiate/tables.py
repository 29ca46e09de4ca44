"""Guided backpropagation and deconvnet, as tables derived from the plain rules.

Both rectify the cotangent that reaches the output of a rectifier-like activation. Sigmoid and tanh gates are no
rectifiers and keep their true derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import PLAIN, Gradients, Rule
from onnxcam_export.differentiate.rules import quantisation
from onnxcam_export.differentiate.rules.rectifiers import clip_bounds

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


def _always(_: Step) -> bool:
    return True


def _clips_from_zero(node: Step) -> bool:
    low, high = clip_bounds(node)
    return low == 0.0 < high


# The activations that let through what is positive and suppress what is negative, and when they do.
RECTIFIERS: Mapping[str, Callable[[Step], bool]] = {
    "Relu": _always,
    "Clip": _clips_from_zero,
    "LeakyRelu": _always,
    "PRelu": _always,
    "ThresholdedRelu": _always,
    "Elu": _always,
    "Celu": _always,
    "Selu": _always,
    "Swish": _always,
    "HardSwish": _always,
    "Gelu": _always,
    "Mish": _always,
    "QuantizeLinear": quantisation.replaces_rectifier,
}


def rectifies(node: Step) -> bool:
    """Whether the guided rule applies to this step."""
    return node.op_type in RECTIFIERS and RECTIFIERS[node.op_type](node)


def guided(plain: Rule) -> Rule:
    """``dx = relu(dy) * f'(x) * [x > 0]`` (Springenberg et al. 2015, https://arxiv.org/abs/1412.6806)."""

    def formula(op: Builder, node: Step, dy: ir.Value) -> Gradients:
        if not rectifies(node):
            return plain.formula(op, node, dy)
        dx, *others = plain.formula(op, node, op.Relu(dy))
        if not _zero_below_zero(node):
            dx = op.Mul(dx, op.positive(node.x))
        return [dx, *others]

    return replace(plain, formula=formula)


def deconvnet(plain: Rule) -> Rule:
    """``dx = relu(dy)`` (Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901)."""

    def formula(op: Builder, node: Step, dy: ir.Value) -> Gradients:
        if not rectifies(node):
            return plain.formula(op, node, dy)
        return [op.Relu(dy), *[None] * (len(node.inputs) - 1)]

    return replace(plain, formula=formula)


def _zero_below_zero(node: Step) -> bool:
    """Whether f' is zero for every x <= 0 already."""
    return node.op_type in {"Relu", "Clip", "QuantizeLinear"} or (
        node.op_type == "ThresholdedRelu" and node.attributes.get("alpha", 1.0) >= 0
    )


class _Overridden(Mapping[str, Rule]):
    """The plain table, also with what a user registers later, with some rules replaced."""

    def __init__(self, overrides: Mapping[str, Rule]) -> None:
        self._overrides = overrides

    def __getitem__(self, op_type: str) -> Rule:
        return self._overrides[op_type] if op_type in self._overrides else PLAIN[op_type]

    def __iter__(self) -> Iterator[str]:
        return iter(PLAIN)

    def __len__(self) -> int:
        return len(PLAIN)


GUIDED: Mapping[str, Rule] = _Overridden({name: guided(PLAIN[name]) for name in RECTIFIERS})
DECONVNET: Mapping[str, Rule] = _Overridden({name: deconvnet(PLAIN[name]) for name in RECTIFIERS})
