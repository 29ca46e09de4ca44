"""The gradient rules, one per operator, in families.

A rule is a function named after its operator, ``(op, node, dy) -> [dx, …]``: given the cotangent ``dy`` of the
operator's output it emits, through ``op``, the cotangent of each input, None where there is none. The first line of
its docstring is the formula. Three tables are made of them, all handed to the same walk:

- ``PLAIN``: the true gradient.
- ``GUIDED``: guided backpropagation (Springenberg et al. 2015): at a rectifier also the cotangent is rectified.
- ``DECONVNET``: Zeiler & Fergus 2014: at a rectifier only the cotangent is rectified.
"""

from onnxcam_export.differentiate.rule import PLAIN, Rule, rule
from onnxcam_export.differentiate.rules import (
    arithmetic,
    convolution,
    indexing,
    matmul,
    normalisation,
    pooling,
    quantisation,
    rectifiers,
    reduction,
    shape,
    slicing,
    smooth_activations,
    unary,
)
from onnxcam_export.differentiate.tables import DECONVNET, GUIDED

__all__ = [
    "DECONVNET",
    "GUIDED",
    "PLAIN",
    "Rule",
    "arithmetic",
    "convolution",
    "indexing",
    "matmul",
    "normalisation",
    "pooling",
    "quantisation",
    "rectifiers",
    "reduction",
    "rule",
    "shape",
    "slicing",
    "smooth_activations",
    "unary",
]
