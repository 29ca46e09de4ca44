"""The optimisations of an artifact. Without any one of them, its outputs are the same.

Each is used in one place, and that place states its measured gain.
"""

from __future__ import annotations

from enum import Enum


class Optimisation(Enum):
    """One optimisation, with the module that implements it."""

    NESTED_CONCAT = "analyse.nested_concat"
    STATED_ROWS = "differentiate.target_rows"
    GEMM_OF_ROWS = "differentiate.rules.matmul"
    FLIPPED_CONVOLUTION = "differentiate.lowering.conv_input_gradient: stride 1"
    ENLARGED_GRADIENT = "differentiate.lowering.conv_input_gradient: pointwise kernels with strides"
    INTERLEAVED_PHASES = "differentiate.lowering.conv_input_gradient: other kernels with strides"
    ROW_LOOK_UP = "assemble.head_products: the row of the last matrix"
    JOINED_PRODUCTS = "assemble.head_products: large matrices read once"


ALL = frozenset(Optimisation)
