"""Every plain rule against what it is the derivative of.

Gradients are computed where users compute them, by ONNX Runtime in float32. Differencing needs float64, so there the
forward pass runs in ONNX's reference implementation. Linear operators need no differencing: for them the adjoint
identity ``<dy, f(v) - f(0)> = <dx, v>`` holds exactly, and ONNX Runtime runs both sides.

The tolerance was chosen after planting faults and seeing them caught: 0.7072 for sqrt(1/2) in Gelu, 1/6.005 for 1/6 in
HardSwish, 1 % more epsilon in LayerNormalization, paddings exchanged, one gather of Pad's reflection left out. With
1e-5 the first two passed; without a fault everything passes with 1e-6.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam_export.differentiate.rule import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable


def case(text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    return text, options


CONV = {"x": ("N", 4, 7, 8), "w": (6, 4, 3, 3)}
MAP = {"x": ("N", 3, 4, 5)}
WIDE = {"x": ("N", 2, 9, 8)}
ROW = {"x": ("N", 7)}
SAMPLED = {"x": ("N", 2, 4, 5), "g": ("N", 3, 2, 2)}


def each(*texts: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """Several cases with the same tensors."""
    return [case(text, **options) for text in texts]


def pools(operator: str, extra: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Windows in one to three dimensions: overlapping, padded, dilated, with ceil mode, larger than the padding."""
    return [
        *each(
            f"{operator}<kernel_shape=[2,2], strides=[2,2]{extra}>(x)",
            f"{operator}<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]{extra}>(x)",
            f"{operator}<kernel_shape=[3,2], strides=[2,3], ceil_mode=1{extra}>(x)",
            f"{operator}<kernel_shape=[3,3], strides=[2,2], pads=[0,1,1,0], ceil_mode=1{extra}>(x)",
            f"{operator}<kernel_shape=[2,3], dilations=[2,3]{extra}>(x)",
            f"{operator}<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]{extra}>(x)",
            f'{operator}<kernel_shape=[3,2], strides=[2,2], auto_pad="SAME_UPPER"{extra}>(x)',
            f'{operator}<kernel_shape=[2,3], strides=[1,2], auto_pad="SAME_LOWER"{extra}>(x)',
            **WIDE,
        ),
        case(f"{operator}<kernel_shape=[3], strides=[2], pads=[1,0]{extra}>(x)", x=("N", 2, 7)),
        case(f"{operator}<kernel_shape=[2,3,2], strides=[2,1,2], pads=[0,1,0,1,1,0]{extra}>(x)", x=("N", 2, 4, 5, 4)),
    ]


def recurrent(operator: str, gates: int, extra: str = "") -> list[tuple[str, dict[str, Any]]]:
    """All directions; the states of all steps, and the last state (and cell) alone."""
    cases = []
    for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        call = f'{operator}<hidden_size=3, direction="{direction}"{extra}>'
        tensors = {"x": ("N", 4, 2), "w": (count, gates * 3, 2), "r": (count, gates * 3, 3), "b": (count, gates * 6)}
        steps = f"t = Transpose<perm=[1,0,2]>(x) s = {call}(t, w, r, b) y = Transpose<perm=[2,0,1,3]>(s)"
        last = f"t = Transpose<perm=[1,0,2]>(x) s, h = {call}(t, w, r) y = Transpose<perm=[1,0,2]>(h)"
        without_bias = {name: shape for name, shape in tensors.items() if name != "b"}
        cases += [case(steps, **tensors), case(last, **without_bias)]
    if operator == "LSTM":
        text = last.replace("s, h =", "s, h, c =") + " z = Transpose<perm=[1,0,2]>(c) "
        cases.append(case(text.replace(" y = ", " v = ") + "y = Add(v, z)", **without_bias))
    return cases


def reductions(operator: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        *each(f"{operator}(x, axes)", f"{operator}<keepdims=0>(x, axes)", axes=[2, 3], **MAP),
        *each(f"{operator}(x, axes)", f"{operator}<keepdims=0>(x, axes)", axes=[-3], **MAP),
        case(f"{operator}<noop_with_empty_axes=1>(x)", **MAP),
    ]


def broadcasts(operator: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """Both of one shape, and each broadcast to the other, with constants and with variables."""
    return [
        case(f"{operator}(a, b)", a=("N", 3, 4), b=("N", 3, 4), **options),
        case(f"{operator}(a, b)", a=("N", 3, 4), b=("N", 3, 1), **options),
        case(f"{operator}(a, b)", a=("N", 1, 4), b=("N", 3, 1), **options),
        case(f"{operator}(a, b)", a=("N", 3, 4), b=(4,), **options),
        case(f"{operator}(a, b)", a=(3, 1), b=("N", 1, 4), **options),
        case(f"{operator}(a, b)", a=("N", 3), b=np.float32(1.7), **options),
    ]


def erf(x: Any) -> Any:
    return np.vectorize(math.erf)(x)


def lrn(x: Any) -> Any:
    square = np.pad(x**2, [(0, 0), (1, 1), (0, 0), (0, 0)])
    return x / (2 + 0.5 / 3 * (square[:, :-2] + square[:, 1:-1] + square[:, 2:])) ** 0.6


def grouped(x: Any, s: Any, b: Any, epsilon: float) -> Any:
    groups = x.reshape(len(x), 2, -1)
    z = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + epsilon)
    channels = [-1, *[1] * (x.ndim - 2)]
    return z.reshape(x.shape) * s.reshape(channels) + b.reshape(channels)


def unrolled(*activations: Callable[[Any], Any]) -> Callable[..., Any]:
    """An RNN of one or two directions, [N, T, D, H]."""

    def run(x: Any, w: Any, r: Any) -> Any:
        h = np.zeros((len(x), x.shape[1] + 1, len(activations), r.shape[2]))
        for direction, activation in enumerate(activations):
            for step in range(x.shape[1])[:: -1 if direction else 1]:
                before = h[:, step + 1 if direction else step - 1, direction]  # the last of h stays zero
                h[:, step, direction] = activation(x[:, step] @ w[direction].T + before @ r[direction].T)
        return h[:, :-1]

    return run


def sampled(**options: Any) -> Callable[..., Any]:
    """PyTorch's grid sampling; ONNX's reference rounds positions to float32."""
    return lambda x, g: nn.functional.grid_sample(torch.from_numpy(x), torch.from_numpy(g), **options).numpy()


# Forward passes for the cases where ONNX's own reference is float32 inside, knows no float64, or is wrong (all are
# compared with ONNX Runtime's forward pass): another graph that computes the same, or NumPy.
REFERENCES: dict[str, str | Callable[..., Any]] = {
    "Celu-0": "Elu(x)",
    "Celu-1": lambda x: np.maximum(x, 0) + np.minimum(0, 0.3 * np.expm1(x / 0.3)),
    "Erf-0": erf,
    "Gelu-0": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "GlobalLpPool-0": lambda x: np.sqrt((x**2).sum((2, 3), keepdims=True)),
    "GlobalLpPool-1": lambda x: abs(x).sum((2, 3), keepdims=True),
    "GlobalLpPool-2": lambda x: np.cbrt((abs(x) ** 3).sum((2, 3), keepdims=True)),
    "GlobalMaxPool-1": lambda x: x.max((2, 3, 4), keepdims=True),
    "GroupNormalization-0": lambda x, s, b: grouped(x, s, b, 1e-5),
    "GroupNormalization-1": lambda x, s, b: grouped(x, s, b, 0.1),
    **{
        f"GridSample-{2 * index + aligned}": sampled(padding_mode=padding, align_corners=bool(aligned))
        for index, padding in enumerate(("zeros", "border", "reflection"))
        for aligned in (0, 1)
    },
    "GridSample-12": sampled(align_corners=False),
    "LRN-0": lrn,
    "LpNormalization-1": lambda x: x / abs(x).sum(1, keepdims=True),
    "MeanVarianceNormalization-0": lambda x: (x - x.mean((2, 3), keepdims=True)) / x.std((2, 3), keepdims=True),
    "LpPool-3": "LpPool<kernel_shape=[3,3], strides=[2,2], pads=[0,1,2,1]>(x)",
    "LpPool-13": "LpPool<kernel_shape=[3,3], strides=[2,2], pads=[0,1,2,1], p=3>(x)",
    "RNN-6": unrolled(lambda z: np.maximum(z, 0)),
    "RNN-7": unrolled(np.tanh, lambda z: np.maximum(z, 0)),
    "MaxPool-7": "MaxPool<kernel_shape=[2,3], strides=[1,2], pads=[1,1,0,0]>(x)",
}

CASES = {
    "Abs": each("Abs(x)", **MAP),
    "Acos": each("h = Mul(x, small) y = Acos(h)", small=np.float32(0.2), **MAP),
    "Acosh": each("h = Add(x, one) y = Acosh(h)", one=np.float32(1), positive=True, **MAP),
    "Add": [
        *broadcasts("Add"),
        # The batch of x stands on the second axis of the sum.
        case("u = Unsqueeze(x, axes) s = Add(u, x) y = Squeeze(s, axes)", x=("N", 3), axes=[0]),
    ],
    "Asin": each("h = Mul(x, small) y = Asin(h)", small=np.float32(0.2), **MAP),
    "Asinh": each("Asinh(x)", **MAP),
    "Atan": each("Atan(x)", **MAP),
    "Atanh": each("h = Mul(x, small) y = Atanh(h)", small=np.float32(0.2), **MAP),
    "AveragePool": [*pools("AveragePool"), *pools("AveragePool", ", count_include_pad=1")],
    "BatchNormalization": [
        case("BatchNormalization(x, s, b, m, v)", x=("N", 3, 4, 5), s=(3,), b=(3,), m=(3,), v=(3,), positive=True),
        case(
            "BatchNormalization<epsilon=0.1>(x, s, b, m, v)", x=("N", 3), s=(3,), b=(3,), m=(3,), v=(3,), positive=True
        ),
    ],
    "Cast": each("Cast<to=1>(x)", **MAP) + each("h = Cast<to=11>(x) y = Cast<to=1>(h)", **MAP),
    "CastLike": each("CastLike(x, like)", like=(1,), **MAP),
    "Ceil": each("c = Ceil(x) y = Add(x, c)", **MAP),
    "Celu": each("Celu(x)", "Celu<alpha=0.3>(x)", **MAP),
    "Clip": [
        case("Clip(x, low, high)", low=np.float32(0), high=np.float32(0.6), **MAP),
        case("Clip(x, low, high)", low=np.float32(-0.4), high=np.float32(0.6), **MAP),
        case("Clip(x, low)", low=np.float32(-0.4), **MAP),
        case("Clip(x, , high)", high=np.float32(-0.2), **MAP),
        case("Clip(x)", **MAP),
    ],
    "Col2Im": [
        case("Col2Im(x, size, block)", x=("N", 12, 6), size=[3, 4], block=[2, 2]),
        case(
            "Col2Im<strides=[2,1], pads=[1,0,0,2], dilations=[1,2]>(x, size, block)",
            x=("N", 12, 8),
            size=[5, 4],
            block=[3, 2],
        ),
        case("Col2Im(x, size, block)", x=("N", 6, 4), size=[6], block=[3]),
    ],
    "Concat": [
        case("Concat<axis=1>(a, b)", a=("N", 3, 4), b=("N", 2, 4)),
        case("Concat<axis=-1>(a, b, a)", a=("N", 3, 4), b=("N", 3, 1)),
        case("Concat<axis=1>(a)", a=("N", 3, 4)),
        case("t = Transpose<perm=[1,0,2]>(a) c = Concat<axis=0>(t, t) y = Transpose<perm=[1,0,2]>(c)", a=("N", 3, 4)),
    ],
    "Conv": [
        case("Conv(x, w)", **CONV),
        case("Conv<pads=[1,1,1,1]>(x, w, b)", b=(6,), **CONV),
        case("Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)", **CONV),
        case("Conv<strides=[3,2], pads=[0,2,1,0]>(x, w)", **CONV),
        case("Conv<dilations=[2,3], pads=[1,0,2,3]>(x, w)", **CONV),
        case("Conv<dilations=[2,1], strides=[2,3], pads=[1,0,2,3]>(x, w)", **CONV),
        case("Conv<pads=[3,3,3,3]>(x, w)", **CONV),
        case("Conv<group=2>(x, w)", x=("N", 4, 5, 5), w=(6, 2, 2, 3)),
        case("Conv<group=4, strides=[2,2], pads=[1,1,1,1]>(x, w)", x=("N", 4, 6, 5), w=(8, 1, 3, 3)),
        case("Conv<strides=[2,2]>(x, w)", x=("N", 3, 6, 5), w=(4, 3, 1, 1)),
        case('Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)', **CONV),
        case('Conv<auto_pad="SAME_LOWER", strides=[2,1]>(x, w)', x=("N", 2, 6, 5), w=(3, 2, 2, 4)),
        case('Conv<auto_pad="VALID">(x, w)', **CONV),
        case("Conv<strides=[2], pads=[2,1]>(x, w)", x=("N", 2, 9), w=(3, 2, 4)),
        case("Conv<group=2, pads=[1,0,1,1,2,0]>(x, w)", x=("N", 2, 4, 3, 5), w=(4, 1, 3, 2, 2)),
        case("Conv<strides=[1,2,2], dilations=[2,1,1]>(x, w)", x=("N", 2, 5, 4, 5), w=(3, 2, 2, 2, 3)),
        # By phases: enough channels, every phase with a tap of its own.
        case("Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)", x=("N", 16, 6, 7), w=(4, 16, 3, 3)),
        case("Conv<strides=[2,2], pads=[0,1,1,0]>(x, w)", x=("N", 16, 7, 6), w=(4, 16, 3, 5)),
        case("Conv<strides=[2,3], pads=[2,1,1,0]>(x, w)", x=("N", 16, 9, 8), w=(4, 16, 5, 4)),
        case("Conv<group=16, strides=[2,2], pads=[2,2,2,2]>(x, w)", x=("N", 16, 7, 8), w=(16, 1, 5, 5)),
        case("Conv<group=4, strides=[4,4]>(x, w)", x=("N", 16, 9, 8), w=(8, 4, 4, 4)),
        # Phases that would need negative padding, or have no tap, and so do not fit.
        case("Conv<strides=[2,2], pads=[2,2,2,2]>(x, w)", x=("N", 16, 6, 5), w=(4, 16, 3, 3)),
        case("Conv<strides=[3,3]>(x, w)", x=("N", 16, 8, 7), w=(4, 16, 2, 2)),
        # By enlargement: pointwise.
        case("Conv<strides=[2,3]>(x, w)", x=("N", 5, 6, 8), w=(4, 5, 1, 1)),
        case("Conv<group=2, strides=[2,2]>(x, w)", x=("N", 4, 5, 7), w=(6, 2, 1, 1)),
    ],
    "ConvTranspose": [
        case("ConvTranspose(x, w)", x=("N", 4, 5, 4), w=(4, 3, 3, 2)),
        case("ConvTranspose<strides=[2,3], pads=[1,0,1,2]>(x, w, b)", x=("N", 4, 5, 4), w=(4, 3, 3, 3), b=(3,)),
        case("ConvTranspose<strides=[2,2], output_padding=[1,0]>(x, w)", x=("N", 4, 5, 4), w=(4, 3, 3, 3)),
        case("ConvTranspose<strides=[2,2], output_shape=[9,8]>(x, w)", x=("N", 4, 5, 4), w=(4, 3, 3, 3)),
        case('ConvTranspose<strides=[2,2], auto_pad="SAME_UPPER">(x, w)', x=("N", 4, 5, 4), w=(4, 3, 3, 3)),
        case('ConvTranspose<strides=[2,3], auto_pad="SAME_LOWER">(x, w)', x=("N", 4, 5, 4), w=(4, 3, 3, 4)),
        case("ConvTranspose<group=2, dilations=[2,1]>(x, w)", x=("N", 4, 5, 4), w=(4, 3, 3, 2)),
        case("ConvTranspose<strides=[2], pads=[1,0]>(x, w)", x=("N", 4, 5), w=(4, 2, 3)),
        case("ConvTranspose<strides=[2,1,2]>(x, w)", x=("N", 2, 3, 3, 2), w=(2, 2, 2, 2, 3)),
    ],
    "Cos": each("Cos(x)", **MAP),
    "Cosh": each("Cosh(x)", **MAP),
    "CumSum": [
        *each("CumSum(x, axis)", "CumSum<exclusive=1>(x, axis)", "CumSum<reverse=1>(x, axis)", axis=np.int64(2), **MAP),
        *each("CumSum<exclusive=1, reverse=1>(x, axis)", axis=np.int64(-1), **MAP),
    ],
    "DFT": [
        case("DFT(x, , axis)", x=("N", 3, 5, 2), axis=np.int64(1)),
        case("DFT<inverse=1>(x)", x=("N", 3, 5, 2)),
        case("DFT<onesided=1>(x, , axis)", x=("N", 6, 3, 1), axis=np.int64(1)),
        case("DFT<onesided=1>(x, , axis)", x=("N", 3, 5, 1), axis=np.int64(-2)),
        case("DFT(x, length, axis)", x=("N", 5, 1), axis=np.int64(1), length=np.int64(4)),
        case("DFT(x, length, axis)", x=("N", 5, 2), axis=np.int64(1), length=np.int64(8)),
        case("DFT<inverse=1, onesided=1>(x, length, axis)", x=("N", 5, 2), axis=np.int64(1), length=np.int64(8)),
        case("DFT<inverse=1, onesided=1>(x, length, axis)", x=("N", 5, 3, 2), axis=np.int64(1), length=np.int64(9)),
    ],
    "DepthToSpace": each("DepthToSpace<blocksize=2>(x)", 'DepthToSpace<blocksize=2, mode="CRD">(x)', x=("N", 12, 3, 2)),
    "Div": broadcasts("Div", positive=True),
    "Dropout": each("Dropout(x)", "Dropout(x, ratio)", ratio=np.float32(0.5), **MAP),
    "Einsum": [
        case('Einsum<equation="nij,njk->nik">(a, b)', a=("N", 3, 4), b=("N", 4, 2)),
        case('Einsum<equation="nchw,kc->nkhw">(a, b)', a=("N", 3, 2, 4), b=(5, 3)),
        case('Einsum<equation="...ij,...kj->...ik">(a, b)', a=("N", 2, 3, 4), b=("N", 2, 2, 4)),
        case('Einsum<equation="bij, jk">(a, b)', a=("N", 3, 4), b=(4, 2)),
        case('Einsum<equation="ncw->nwc">(a)', a=("N", 3, 4)),
        # Letters of one operand alone, which are summed, and an operand that is repeated along a letter.
        case('Einsum<equation="nchw->nc">(a)', a=("N", 3, 2, 4)),
        case('Einsum<equation="nhcw,nk->nkc">(a, b)', a=("N", 2, 3, 4), b=("N", 5)),
        case('Einsum<equation="nchw,nc->nchw">(a, b)', a=("N", 3, 2, 4), b=("N", 1)),
    ],
    "Elu": each("Elu(x)", "Elu<alpha=0.4>(x)", **MAP),
    "Erf": each("Erf(x)", **MAP),
    "Exp": each("Exp(x)", **MAP),
    "Expand": [
        case("Expand(x, size)", x=("N", 3, 1, 1), size=[1, 3, 4, 2]),
        case("Expand(x, size)", x=("N", 3, 1), size=[1, 1, 5]),
    ],
    "Flatten": each("Flatten(x)", "Flatten<axis=-3>(x)", **MAP),
    "Floor": each("c = Floor(x) y = Add(x, c)", **MAP),
    "GRU": [*recurrent("GRU", 3), *recurrent("GRU", 3, ", linear_before_reset=1")],
    "LSTM": [
        *recurrent("LSTM", 4),
        case(  # as many steps as there are
            "t = Transpose<perm=[1,0,2]>(x) n = Shape<start=0, end=1>(x) e = Expand(four, n) l = Cast<to=6>(e) "
            "s = LSTM<hidden_size=3>(t, w, r, b, l) y = Transpose<perm=[2,0,1,3]>(s)",
            x=("N", 4, 2),
            w=(1, 12, 2),
            r=(1, 12, 3),
            b=(1, 24),
            four=np.int64(4),
        ),
    ],
    "Gather": [
        case("Gather<axis=1>(x, i)", i=[2, 0], **MAP),
        case("Gather<axis=-1>(x, i)", i=[1, 1, 4, -1], **MAP),
        case("Gather<axis=2>(x, i)", i=np.int64(-2), **MAP),
        case("Gather<axis=2>(x, i)", i=[[0, 1], [3, 0]], **MAP),
        case("Gather<axis=1>(x, i)", i=[1, 2], **MAP),
        case("t = Transpose<perm=[1,0,2,3]>(x) y = Gather<axis=0>(t, i)", i=np.int64(1), **MAP),
    ],
    "GatherElements": each(
        "i = ArgMax<axis=2>(x) y = GatherElements<axis=2>(x, i)",
        "v, i = TopK<axis=1>(x, two) y = GatherElements<axis=1>(x, i)",
        two=[2],
        **MAP,
    ),
    "GatherND": [
        case(
            "t = Transpose<perm=[2,3,0,1]>(x) g = GatherND(t, i) y = Transpose<perm=[2,3,0,1]>(g)",
            i=[[[0, 0], [3, -1]], [[1, 2], [0, 0]], [[-1, 4], [2, 2]]],
            **MAP,
        ),
    ],
    "Gelu": each("Gelu(x)", 'Gelu<approximate="tanh">(x)', **MAP),
    "Gemm": [
        case("Gemm(a, b)", a=("N", 4), b=(4, 3)),
        case("Gemm<transB=1, alpha=0.5>(a, b, c)", a=("N", 4), b=(3, 4), c=(3,)),
        case("Gemm<beta=0.3>(a, b, c)", a=("N", 4), b=(4, 3), c=("N", 3)),
        case("Gemm<beta=0.3>(a, b, c)", a=("N", 4), b=(4, 3), c=("N", 1)),
        case("t = Transpose(a) y = Gemm<transA=1, alpha=2.0>(t, b)", a=("N", 4), b=(4, 3)),
        case("t = Transpose(a) y = Gemm<transA=1, transB=1>(t, b)", a=("N", 4), b=(3, 4)),
    ],
    "GlobalAveragePool": each("GlobalAveragePool(x)", **MAP) + each("GlobalAveragePool(x)", x=("N", 2, 5)),
    "GlobalLpPool": each("GlobalLpPool(x)", "GlobalLpPool<p=1>(x)", "GlobalLpPool<p=3>(x)", **MAP),
    "GlobalMaxPool": each("GlobalMaxPool(x)", **MAP) + each("GlobalMaxPool(x)", x=("N", 2, 3, 2, 2)),
    "GridSample": [
        *(
            case(f'GridSample<mode="{mode}", padding_mode="{padding}", align_corners={aligned}>(x, g)', **SAMPLED)
            for mode in ("linear", "nearest")
            for padding in ("zeros", "border", "reflection")
            for aligned in (0, 1)
        ),
        case("GridSample(x, g)", x=("N", 2, 3, 2, 4), g=("N", 2, 1, 3, 3)),
    ],
    "GroupNormalization": [
        case(
            "GroupNormalization<num_groups=2>(x, s, b)",
            x=("N", 4, 3, 2),
            s=(4,),
            b=(4,),
            opset=21,
            shape=("N", 4, 3, 2),
        ),
        case(
            "GroupNormalization<num_groups=2, epsilon=0.1>(x, s, b)",
            x=("N", 4, 5),
            s=(4,),
            b=(4,),
            opset=21,
            shape=("N", 4, 5),
        ),
    ],
    "Hardmax": each("c = Hardmax<axis=1>(x) y = Mul(x, c)", **MAP),
    "HardSigmoid": each("HardSigmoid(x)", "HardSigmoid<alpha=0.7, beta=0.3>(x)", **MAP),
    "HardSwish": each("t = Mul(x, three) y = HardSwish(t)", three=np.float32(3), **MAP),
    "Identity": each("Identity(x)", **MAP),
    "InstanceNormalization": [
        case("InstanceNormalization(x, s, b)", x=("N", 3, 4, 5), s=(3,), b=(3,)),
        case("InstanceNormalization<epsilon=0.1>(x, s, b)", x=("N", 3, 4), s=(3,), b=(3,)),
    ],
    "LRN": [
        case("LRN<size=3, alpha=0.5, beta=0.6, bias=2.0>(x)", x=("N", 5, 3, 2)),
    ],
    "LayerNormalization": [
        case("LayerNormalization(x, s, b)", x=("N", 3, 4), s=(4,), b=(4,)),
        case("LayerNormalization<axis=1, epsilon=0.1>(x, s)", x=("N", 3, 4), s=(3, 4)),
    ],
    "LeakyRelu": each("LeakyRelu(x)", "LeakyRelu<alpha=0.3>(x)", **MAP),
    "Log": each("Log(x)", positive=True, **MAP),
    "LogSoftmax": each("LogSoftmax(x)", "LogSoftmax<axis=1>(x)", **MAP),
    "LpNormalization": each("LpNormalization(x)", "LpNormalization<p=1, axis=1>(x)", **MAP),
    "LpPool": [*pools("LpPool"), *pools("LpPool", ", p=3")],
    "MatMul": [
        case("MatMul(a, b)", a=("N", 3), b=(3, 2)),
        case("MatMul(a, b)", a=("N", 2, 3), b=("N", 3, 4)),
        case("MatMul(a, b)", a=("N", 2, 4, 3), b=("N", 1, 3, 4)),
        case("MatMul(a, b)", a=("N", 4, 3), b=(3, 5)),
        case("MatMul(a, b)", a=(2, 3), b=("N", 3, 4)),
        case("MatMul(a, b)", a=("N", 4, 3), b=(3,)),
        case("MatMul(a, b)", a=(3,), b=("N", 3, 4)),
        case("MatMul(a, b)", a=("N", 1, 1, 3), b=(2, 3, 4)),
    ],
    "Max": [*broadcasts("Max"), case("Max(a)", a=("N", 3)), case("Max(a, b, c)", a=("N", 3), b=("N", 3), c=("N", 1))],
    "MaxPool": pools("MaxPool"),
    "Mean": [*broadcasts("Mean"), case("Mean(a, b, c)", a=("N", 3), b=("N", 3), c=("N", 1))],
    "MeanVarianceNormalization": each("MeanVarianceNormalization<axes=[2,3]>(x)", **MAP),
    "Min": [*broadcasts("Min"), case("Min(a, b, c)", a=("N", 3), b=("N", 3), c=("N", 1))],
    "Mish": each("Mish(x)", **MAP),
    "Mod": [
        case("Mod<fmod=1>(a, b)", a=("N", 3, 4), b=np.float32(0.3)),
        case("Mod<fmod=1>(a, b)", a=("N", 3, 4), b=("N", 3, 1)),
    ],
    "Mul": broadcasts("Mul"),
    "Neg": each("Neg(x)", **MAP),
    "PRelu": [case("PRelu(x, s)", s=(3, 1, 1), **MAP), case("PRelu(x, s)", s=(1,), **MAP)],
    "Pad": [
        case("Pad(x, pads)", pads=[0, 0, 1, 2, 0, 0, 0, 1], **MAP),
        case("Pad(x, pads, , axes)", pads=[1, -1, 2, -1], axes=[-2, 3], **MAP),
        case("Pad(x, pads)", pads=[0] * 8, **MAP),
        *[
            case(f'Pad<mode="{mode}">(x, pads)', pads=[0, 0, 1, 2, 0, 0, 3, 1], **MAP)
            for mode in ("reflect", "edge", "wrap")
        ],
        case('Pad<mode="edge">(x, pads, , axes)', pads=[2, 1], axes=[1], **MAP),
    ],
    "Pow": [
        *broadcasts("Pow", positive=True),
        case("Pow(x, two)", two=np.float32(2), **MAP),
        case("Pow(x, b)", b=[3], **MAP),
    ],
    "QuantizeLinear": each(
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)", s=np.float32(0.5), z=np.uint8(3), **MAP
    ),
    "DequantizeLinear": each("q = QuantizeLinear(x, s) y = DequantizeLinear(q, s)", s=np.float32(0.5), **MAP),
    "RMSNormalization": [
        case("RMSNormalization(x, s)", x=("N", 3, 4), s=(4,), opset=23),
        case("RMSNormalization<axis=1, epsilon=0.1>(x, s)", x=("N", 3, 4), s=(3, 4), opset=23),
    ],
    "Reciprocal": each("Reciprocal(x)", positive=True, **MAP),
    "RNN": [
        *recurrent("RNN", 1),
        *(
            case(
                f"t = Transpose<perm=[1,0,2]>(x) s = RNN<hidden_size=3, {options}>(t, w, r) "
                "y = Transpose<perm=[2,0,1,3]>(s)",
                x=("N", 4, 2),
                w=(count, 3, 2),
                r=(count, 3, 3),
            )
            for count, options in (
                (1, 'activations=["Relu"]'),
                (2, 'direction="bidirectional", activations=["Tanh", "Relu"]'),
            )
        ),
    ],
    "ReduceL1": reductions("ReduceL1"),
    "ReduceL2": reductions("ReduceL2"),
    "ReduceLogSum": [(text, {**options, "positive": True}) for text, options in reductions("ReduceLogSum")],
    "ReduceLogSumExp": reductions("ReduceLogSumExp"),
    "ReduceMax": reductions("ReduceMax"),
    "ReduceMean": reductions("ReduceMean"),
    "ReduceMin": reductions("ReduceMin"),
    "ReduceProd": reductions("ReduceProd"),
    "ReduceSum": reductions("ReduceSum"),
    "ReduceSumSquare": reductions("ReduceSumSquare"),
    "Relu": each("Relu(x)", **MAP),
    "Reshape": [
        case("Reshape(x, size)", size=[0, 12, 5], **MAP),
        case("Reshape(x, size)", size=[-1, 5], **MAP),
        case("Reshape(x, size)", size=[-1, 2, 2, 15], **MAP),
    ],
    "Resize": [
        case("Resize(x, , scales)", scales=np.asarray([1, 1, 2, 2], np.float32), **MAP),
        *each(
            'Resize<coordinate_transformation_mode="asymmetric", nearest_mode="floor", axes=[2,3]>(x, , , size)',
            'Resize<mode="linear", axes=[2,3]>(x, , , size)',
            'Resize<mode="linear", coordinate_transformation_mode="align_corners", axes=[2,3]>(x, , , size)',
            'Resize<mode="cubic", cubic_coeff_a=-0.5, axes=[2,3]>(x, , , size)',
            'Resize<mode="linear", antialias=1, axes=[2,3]>(x, , , size)',
            size=[7, 3],
            **MAP,
        ),
        *(
            case(
                f'Resize<mode="{mode}", coordinate_transformation_mode="tf_crop_and_resize", axes=[3,2], '
                "extrapolation_value=0.7>(x, roi, , size)",
                roi=np.asarray([0.1, -0.2, 0.8, 1.1], np.float32),
                size=size,
                **MAP,
            )
            for mode in ("linear", "nearest")
            for size in ([7, 6], [5, 4])
        ),
        case('Resize<mode="linear", axes=[3,2]>(x, , scales)', scales=np.asarray([1.7, 0.6], np.float32), **MAP),
        case('Resize<mode="linear", axes=[1,2]>(x, , , size)', size=[6, 9], **MAP),
        case('Resize<mode="nearest">(x, , scales)', x=("N", 2, 5), scales=np.asarray([1, 1, 1.5], np.float32)),
        case("Resize(x, , scales)", x=("N", 2, 3, 2, 4), scales=np.asarray([1, 1, 2, 2, 0.5], np.float32)),
    ],
    "Round": each("c = Round(x) y = Add(x, c)", **MAP),
    "ScatterElements": [
        case("i = ArgMax<axis=2>(a) y = ScatterElements<axis=2>(a, i, b)", a=("N", 3, 4), b=("N", 3, 1)),
        case(
            "i = ArgMax<axis=2>(b) m = ReduceMin<keepdims=1>(b, axes) "
            'y = ScatterElements<axis=-1, reduction="add">(a, i, m)',
            a=("N", 3, 4),
            b=("N", 2, 4),
            axes=[2],
        ),
        case(
            "t = Transpose<perm=[1,0,2]>(a) i = ArgMax<axis=0>(t) m = ReduceMin<keepdims=1>(t, axes) "
            "s = ScatterElements(t, i, m) y = Transpose<perm=[1,0,2]>(s)",
            a=("N", 3, 4),
            axes=[0],
        ),
    ],
    "ScatterND": [
        *(
            case(
                f"t = Transpose<perm=[1,2,0]>(a) u = Transpose<perm=[1,0]>(b) "
                f"s = ScatterND{reduction}(t, i, u) y = Transpose<perm=[2,0,1]>(s)",
                a=("N", 3, 4),
                b=("N", 3),
                i=[[0, 1], [2, -1], [1, 0]],
            )
            for reduction in ("", '<reduction="add">')
        ),
        case(
            "t = Transpose<perm=[1,0,2]>(a) u = Transpose<perm=[1,0,2]>(b) "
            's = ScatterND<reduction="add">(t, i, u) y = Transpose<perm=[1,0,2]>(s)',
            a=("N", 3, 2),
            b=("N", 4, 2),
            i=[[0], [2], [2], [1]],
        ),
    ],
    "Selu": each("Selu(x)", "Selu<alpha=0.5, gamma=2.0>(x)", **MAP),
    "Shrink": each("Shrink(x)", "Shrink<lambd=0.2, bias=0.1>(x)", **MAP),
    "Sigmoid": each("Sigmoid(x)", **MAP),
    "Sign": each("c = Sign(x) y = Add(x, c)", **MAP),
    "Sin": each("Sin(x)", **MAP),
    "Sinh": each("Sinh(x)", **MAP),
    "Slice": [
        case("Slice(x, starts, ends)", starts=[0, 1], ends=[2**31 - 1, 3], **MAP),
        case("Slice(x, starts, ends, axes)", starts=[-3, 1], ends=[-1, 100], axes=[-1, 2], **MAP),
        case("Slice(x, starts, ends, axes, steps)", starts=[1], ends=[2**62], axes=[3], steps=[2], **MAP),
        case("Slice(x, starts, ends, axes, steps)", starts=[-1], ends=[-(2**63)], axes=[3], steps=[-1], **MAP),
        case("Slice(x, starts, ends, axes, steps)", starts=[4], ends=[0], axes=[3], steps=[-2], **MAP),
    ],
    "Softmax": each("Softmax(x)", "Softmax<axis=1>(x)", **MAP),
    "Softplus": each("Softplus(x)", **MAP),
    "Softsign": each("Softsign(x)", **MAP),
    "SpaceToDepth": each("SpaceToDepth<blocksize=2>(x)", x=("N", 2, 4, 6)),
    "Split": [
        case("a, b = Split<axis=1>(x, sizes) c = Relu(a) y = Concat<axis=1>(b, c)", sizes=[1, 2], **MAP),
        case("a, y = Split<axis=-1>(x, sizes)", sizes=[2, 3], **MAP),
        case("a, b, c = Split<axis=2, num_outputs=3>(x) y = Concat<axis=2>(c, a)", x=("N", 2, 7)),
        case("y = Split<axis=2, num_outputs=1>(x)", x=("N", 2, 7)),
    ],
    "Sqrt": each("Sqrt(x)", positive=True, **MAP),
    "Squeeze": [case("Squeeze(x, axes)", x=("N", 3, 1, 1), axes=[2, -1])],
    "Sub": broadcasts("Sub"),
    "Sum": [*broadcasts("Sum"), case("Sum(a, b, c)", a=("N", 3), b=("N", 3), c=("N", 1))],
    "Swish": each("Swish(x)", "Swish<alpha=1.7>(x)", opset=24, **MAP),
    "Tan": each("h = Mul(x, small) y = Tan(h)", small=np.float32(0.2), **MAP),
    "Tanh": each("Tanh(x)", **MAP),
    "ThresholdedRelu": each("ThresholdedRelu(x)", "ThresholdedRelu<alpha=-0.5>(x)", **MAP),
    "Tile": [case("Tile(x, r)", r=[1, 2, 1, 3], **MAP), case("Tile(x, r)", r=[1, 1, 1, 1], **MAP)],
    "TopK": each("y, i = TopK<axis=1>(x, two)", "y, i = TopK<largest=0>(x, two)", two=[2], **MAP),
    "Transpose": each("Transpose<perm=[0,2,3,1]>(x)", "Transpose<perm=[0,3,1,2]>(x)", **MAP),
    "Trilu": [case("Trilu(x)", **MAP), case("Trilu<upper=0>(x, k)", k=np.int64(1), **MAP)],
    "Unsqueeze": [case("Unsqueeze(x, axes)", axes=[1, -1], **MAP)],
    "Where": [
        case("Where(c, a, b)", c=np.asarray([True, False, True]), a=("N", 2, 3), b=("N", 2, 1)),
        case("z = Greater(a, b) y = Where(z, a, b)", a=("N", 2, 3), b=("N", 1, 3)),
        # Comparisons and logical operators have no gradient, and are no obstacle.
        *(
            case(f"z = {compared}(a, b) y = Where(z, a, b)", a=("N", 2, 3), b=("N", 1, 3))
            for compared in ("Less", "LessOrEqual", "GreaterOrEqual", "Equal")
        ),
        *(
            case(
                f"p = Greater(a, b) q = LessOrEqual(b, half) n = Not(q) z = {logical}(p, n) y = Where(z, a, b)",
                a=("N", 2, 3),
                b=("N", 1, 3),
                half=np.float32(0.5),
            )
            for logical in ("And", "Or", "Xor")
        ),
        case(
            "p = IsNaN(a) q = IsInf(a) z = Or(p, q) n = Not(z) y = Where(n, a, b)",
            a=("N", 2, 3),
            b=("N", 2, 3),
        ),
    ],
}

# y is linear in each of its variables by itself.
LINEAR = {
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Col2Im",
    "Concat",
    "Conv",
    "ConvTranspose",
    "CumSum",
    "DFT",
    "DepthToSpace",
    "Dropout",
    "Einsum",
    "Expand",
    "Flatten",
    "Gather",
    "GatherND",
    "Gemm",
    "GlobalAveragePool",
    "Identity",
    "MatMul",
    "Mean",
    "Mul",
    "Neg",
    "Pad",
    "ReduceMean",
    "ReduceSum",
    "Reshape",
    "Resize",
    "ScatterND",
    "Slice",
    "SpaceToDepth",
    "Squeeze",
    "Sub",
    "Sum",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
}

# The gradient that passes straight through is no derivative; test_quantisation.py has what it should be.
STRAIGHT_THROUGH = {"QuantizeLinear", "DequantizeLinear"}


def parameters(*, straight_through: bool = True) -> list[Any]:
    return [
        pytest.param(f"{operator}-{index}", text, options, id=f"{operator}-{index}")
        for operator, cases in CASES.items()
        for index, (text, options) in enumerate(cases)
        if straight_through or operator not in STRAIGHT_THROUGH
    ]


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(PLAIN)


def test_every_reference_has_its_case() -> None:
    assert set(REFERENCES) <= {parameter.id for parameter in parameters()}


@pytest.mark.parametrize(("name", "text", "options"), parameters(straight_through=False))
def test_gradient(name: str, text: str, options: dict[str, Any], graph: Any, evaluate: Any) -> None:
    function = graph(text, reference=REFERENCES.get(name), **options)
    model = function.gradient()
    variables = function.variables(rows=2)
    y = function.forward(variables)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    gradients = evaluate(model, {**variables, "dy": dy})
    for variable, x in variables.items():
        dx = gradients[f"d{variable}"]
        v = np.random.default_rng(2).standard_normal(x.shape).astype(np.float32)
        assert dx.shape == x.shape
        if name.split("-", maxsplit=1)[0] in LINEAR:
            moved, still = (function.forward({**variables, variable: at}) for at in (v, np.zeros_like(x)))
            change = moved.astype(np.float64) - still
        else:
            np.testing.assert_allclose(function.reference(variables), y, rtol=1e-4, atol=1e-5)
            step = 1e-6
            ends = (x + step * v.astype(np.float64), x - step * v.astype(np.float64))
            ahead, behind = (function.reference({**variables, variable: end}) for end in ends)
            change = (ahead - behind) / (2 * step)
        expected = np.vdot(dy.astype(np.float64), change)
        scale = np.linalg.norm(dy) * np.linalg.norm(change)
        assert np.vdot(dx.astype(np.float64), v) == pytest.approx(expected, abs=1e-6 * scale, rel=0), variable


@pytest.mark.parametrize(("name", "text", "options"), parameters())
def test_many_targets_of_one_image(name: str, text: str, options: dict[str, Any], graph: Any, evaluate: Any) -> None:
    function = graph(text, **options)
    model = function.gradient()
    variables = function.variables(rows=1)
    y = function.forward(variables)
    dy = np.random.default_rng(1).standard_normal((3 * len(y), *y.shape[1:])).astype(np.float32)
    repeated = {variable: np.concatenate([x] * 3) for variable, x in variables.items()}
    once, thrice = evaluate(model, {**variables, "dy": dy}), evaluate(model, {**repeated, "dy": dy})
    for variable in variables:
        np.testing.assert_allclose(once[f"d{variable}"], thrice[f"d{variable}"], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("name", "text", "options"), parameters())
def test_valid_in_the_latest_opset(name: str, text: str, options: dict[str, Any], graph: Any) -> None:
    del name
    graph(text, **{**options, "opset": 24}).gradient()  # runs the checker
