"""Recurrent layers, unrolled over their static number of time steps.

The gates of all steps follow from x and from the states that the forward pass returns, so they are computed for all
steps at once. Only the recurrences over c (forwards) and over dh (backwards) are written step by step. Weights and
initial states have no gradient here: where a graph computes them from the image, the walk refuses.

In the formulas, h' and c' are the states of the step before, and s' = s (1 - s) is the slope of a sigmoid gate s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.errors import OperatorError
from onnxcam_export.graph.expressions import positive, total
from onnxcam_export.graph.steps import Step, is_constant, size_of

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder

_ACTIVATIONS = {"RNN": ["tanh"], "GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}
_REVERSES = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}


@rule
def RNN(op: Builder, step: Step, *dy: ir.Value | None) -> Gradients:
    """``dz = dh (1 - h^2)``, or ``dh [h > 0]`` with Relu, ``dh' = dy' + dz R``, ``dx = dz W``."""
    return [_dx(op, step, dy, _rnn)]


@rule
def GRU(op: Builder, step: Step, *dy: ir.Value | None) -> Gradients:
    """``dz = dh (h' - n) z'``, ``dn = dh (1 - z) (1 - n^2)``, ``dr = dn (R_n h' + b_n) r'``, ``dx = [dz dr dn] W``."""
    return [_dx(op, step, dy, _gru)]


@rule
def LSTM(op: Builder, step: Step, *dy: ir.Value | None) -> Gradients:
    """``dc += dh o (1 - tanh(c)^2)``, ``dz = [dc g i', dh tanh(c) o', dc c' f', dc i (1 - g^2)]``, ``dx = dz W``."""
    return [_dx(op, step, dy, _lstm)]


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a layer. Steps are in its own order of time, G is the number of gates.

    Attributes:
        x: [T, N, I].
        h: The states after each step, [T, N, H].
        h_before: The states before each step, [T, N, H].
        c_start: The cell state before the first step, [N, H].
        dy: The gradient of each state, T values [M, H].
        dc: The gradient of the last cell state, [M, H], or None.
        w: [G H, I].
        r: [G H, H].
        wb: [G H] or None.
        rb: [G H] or None.
        rectified: Whether an RNN's activation is Relu.
        resets_after: Whether a GRU's reset gate acts after the recurrent product (``linear_before_reset``).
    """

    x: ir.Value
    h: ir.Value
    h_before: ir.Value
    c_start: ir.Value
    dy: Sequence[ir.Value]
    dc: ir.Value | None
    w: ir.Value
    r: ir.Value
    wb: ir.Value | None
    rb: ir.Value | None
    rectified: bool
    resets_after: bool


Cell = Callable[["Builder", Direction, int], list["ir.Value"]]


def _dx(op: Builder, step: Step, dy: Sequence[ir.Value | None], cell: Cell) -> ir.Value:
    """The gradient of x, [T, M, I]: the sum over the directions."""
    _require_supported(step)
    parts = []
    for index, reverse in enumerate(_directions(step)):
        direction = _direction(op, step, dy, index, reverse=reverse)
        rows = cell(op, direction, int(step.attributes["hidden_size"]))
        rows = rows[::-1] if reverse else rows
        parts.append(op.MatMul(op.Concat(*(op.Unsqueeze(row, [0]) for row in rows), axis=0), direction.w))
    return total(op, parts)


def _directions(step: Step) -> list[bool]:
    """For each direction, whether it is the reverse one."""
    return _REVERSES[step.attributes.get("direction", "forward")]


def _activations(step: Step) -> list[str]:
    """The activations of all directions, in lower case, as ONNX Runtime compares them."""
    usual = _ACTIVATIONS[step.op_type] * len(_directions(step))
    return [str(name).lower() for name in step.attributes.get("activations", usual)]


def _require_supported(step: Step) -> None:
    """Refuses what changes the formulas.

    Raises:
        OperatorError: The step sets such attributes or inputs.
    """
    usual = _ACTIVATIONS[step.op_type] * len(_directions(step))
    given = ["tanh" if name == "relu" and step.op_type == "RNN" else name for name in _activations(step)]
    unusual = [name for name in ("clip", "input_forget", "layout") if step.attributes.get(name, 0)]
    unusual += [] if given == usual else ["activations"]
    unusual += [] if _is_all(step.input(4), size_of(step.x, 0)) else ["sequence_lens"]
    unusual += [] if step.input(7) is None else ["P (peepholes)"]
    if unusual:
        raise OperatorError(
            f"{step} sets {', '.join(unusual)}, which is not supported; export the network without, and with the "
            "usual activations"
        )


def _is_all(value: ir.Value | None, number: int) -> bool:
    """Whether the value is left out, or holds nothing but this number, for however many images."""
    if value is None or is_constant(value):
        tensor = None if value is None else ir.convenience.get_const_tensor(value)
        return tensor is None or bool(np.all(tensor.numpy() == number))
    node = value.producer()
    repeats = node is not None and node.op_type in {"Expand", "Tile", "Cast", "Identity"}
    return node is not None and repeats and node.inputs[0] is not None and _is_all(node.inputs[0], number)


def _direction(op: Builder, step: Step, dy: Sequence[ir.Value | None], index: int, *, reverse: bool) -> Direction:
    count = size_of(step.x, 0)

    def along(value: ir.Value) -> ir.Value:
        return op.Slice(value, [-1], [-(2**31)], [0], [-1]) if reverse else value

    def own(value: ir.Value | None, axis: int = 0) -> ir.Value | None:
        return None if value is None else op.Gather(value, np.asarray(index, np.int64), axis=axis)

    every, of_last, of_cell = (*dy, None, None)[:3]
    h = along(_required(own(_states(op, step), 1)))
    zero = op.Mul(op.Gather(h, np.asarray(0, np.int64), axis=0), 0.0)
    start = own(step.input(5)) or zero
    before = op.Unsqueeze(start, [0])
    if count > 1:
        before = op.Concat(before, op.Slice(h, [0], [count - 1], [0]), axis=0)
    gradients = [zero] * count
    if every is not None:
        gradients = [part for (part,) in _by_step(op, [along(_required(own(every, 1)))], count)]
    if of_last is not None:
        gradients[-1] = op.Add(gradients[-1], _required(own(of_last)))
    bias = own(step.input(3))
    wb, rb = op.outputs(2).Split(bias, num_outputs=2, axis=0) if bias is not None else (None, None)
    return Direction(
        x=along(step.x),
        h=h,
        h_before=before,
        c_start=own(step.input(6)) or zero,
        dy=gradients,
        dc=own(of_cell),
        w=_required(own(step.inputs[1])),
        r=_required(own(step.inputs[2])),
        wb=wb,
        rb=rb,
        rectified=_activations(step)[index] == "relu",
        resets_after=bool(step.attributes.get("linear_before_reset", 0)),
    )


def _states(op: Builder, step: Step) -> ir.Value:
    """Y, [T, D, N, H]; computed again where the forward pass leaves it out."""
    if step.y.name:
        return step.y
    emit = {"RNN": op.RNN, "GRU": op.GRU, "LSTM": op.LSTM}[step.op_type]
    return emit(*step.inputs, **step.attributes)


def _rnn(op: Builder, d: Direction, size: int) -> list[ir.Value]:
    """``dz`` of each step, [M, H]."""
    del size
    rows: list[ir.Value] = []
    slope_of_all = positive(op, d.h) if d.rectified else op.Sub(1.0, op.Mul(d.h, d.h))
    slopes = _by_step(op, [slope_of_all], len(d.dy))
    for dy, (slope,) in zip(reversed(d.dy), reversed(slopes), strict=True):
        dh = op.Add(dy, op.MatMul(rows[-1], d.r)) if rows else dy
        rows.append(op.Mul(dh, slope))
    return rows[::-1]


def _lstm(op: Builder, d: Direction, size: int) -> list[ir.Value]:
    """``dz`` of each step, [M, 4 H], in ONNX's order of the gates: i, o, f, g."""
    z = op.Add(_linear(op, d.x, d.w, d.wb), _linear(op, d.h_before, d.r, d.rb))
    i, o, f, g = op.outputs(4).Split(z, [size] * 4, axis=2)
    i, o, f, g = op.Sigmoid(i), op.Sigmoid(o), op.Sigmoid(f), op.Tanh(g)
    c, before = _cells(op, d, op.Mul(i, g), f)
    t = op.Tanh(c)
    to_c = op.Mul(o, op.Sub(1.0, op.Mul(t, t)))
    to_i, to_o, to_f = op.Mul(g, _slope(op, i)), op.Mul(t, _slope(op, o)), op.Mul(before, _slope(op, f))
    to_g = op.Mul(i, op.Sub(1.0, op.Mul(g, g)))
    each = _by_step(op, [to_c, to_i, to_o, to_f, to_g, f], len(d.dy))
    rows: list[ir.Value] = []
    dc_next = d.dc
    for dy, (at_c, at_i, at_o, at_f, at_g, forget) in zip(reversed(d.dy), reversed(each), strict=True):
        dh = op.Add(dy, op.MatMul(rows[-1], d.r)) if rows else dy
        dc = op.Mul(dh, at_c) if dc_next is None else op.Add(op.Mul(dh, at_c), dc_next)
        rows.append(op.Concat(op.Mul(dc, at_i), op.Mul(dh, at_o), op.Mul(dc, at_f), op.Mul(dc, at_g), axis=1))
        dc_next = op.Mul(dc, forget)
    return rows[::-1]


def _gru(op: Builder, d: Direction, size: int) -> list[ir.Value]:
    """``[dz dr dn]`` of each step, [M, 3 H]."""
    x_z, x_r, x_n = op.outputs(3).Split(_linear(op, d.x, d.w, d.wb), [size] * 3, axis=2)
    r_zr, r_n = op.outputs(2).Split(d.r, [2 * size, size], axis=0)
    b_zr, b_n = op.outputs(2).Split(d.rb, [2 * size, size], axis=0) if d.rb is not None else (None, None)
    h_z, h_r = op.outputs(2).Split(_linear(op, d.h_before, r_zr, b_zr), [size] * 2, axis=2)
    z, r = op.Sigmoid(op.Add(x_z, h_z)), op.Sigmoid(op.Add(x_r, h_r))
    h_n = _linear(op, d.h_before if d.resets_after else op.Mul(r, d.h_before), r_n, b_n)
    n = op.Tanh(op.Add(x_n, op.Mul(r, h_n) if d.resets_after else h_n))
    to_z = op.Mul(op.Sub(d.h_before, n), _slope(op, z))
    to_n = op.Mul(op.Sub(1.0, z), op.Sub(1.0, op.Mul(n, n)))
    to_r = op.Mul(h_n if d.resets_after else d.h_before, _slope(op, r))
    each = _by_step(op, [to_z, to_n, to_r, r, z], len(d.dy))
    rows: list[ir.Value] = []
    dh_next: ir.Value | None = None
    for dy, (at_z, at_n, at_r, reset, keep) in zip(reversed(d.dy), reversed(each), strict=True):
        dh = dy if dh_next is None else op.Add(dy, dh_next)
        dz, dn = op.Mul(dh, at_z), op.Mul(dh, at_n)
        through = dn if d.resets_after else op.MatMul(dn, r_n)
        dr = op.Mul(through, at_r)
        back = op.MatMul(op.Mul(dn, reset), r_n) if d.resets_after else op.Mul(through, reset)
        dh_next = total(op, [op.Mul(dh, keep), op.MatMul(op.Concat(dz, dr, axis=1), r_zr), back])
        rows.append(op.Concat(dz, dr, dn, axis=1))
    return rows[::-1]


def _cells(op: Builder, d: Direction, added: ir.Value, forget: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The cell states after and before each step, [T, N, H]."""
    states = [d.c_start]
    for addition, kept in _by_step(op, [added, forget], len(d.dy)):
        states.append(op.Add(op.Mul(kept, states[-1]), addition))
    stacked = [op.Unsqueeze(state, [0]) for state in states]
    return op.Concat(*stacked[1:], axis=0), op.Concat(*stacked[:-1], axis=0)


def _by_step(op: Builder, values: Sequence[ir.Value], count: int) -> list[tuple[ir.Value, ...]]:
    """Values [T, N, H] as the tuple of their slices [N, H] at each step."""
    slices = [
        [op.Squeeze(part, [0]) for part in op.outputs(count).Split(value, [1] * count, axis=0)] for value in values
    ]
    return list(zip(*slices, strict=True))


def _linear(op: Builder, x: ir.Value, w: ir.Value, b: ir.Value | None) -> ir.Value:
    product = op.MatMul(x, op.Transpose(w, perm=[1, 0]))
    return product if b is None else op.Add(product, b)


def _slope(op: Builder, gate: ir.Value) -> ir.Value:
    return op.Mul(gate, op.Sub(1.0, gate))


def _required(value: ir.Value | None) -> ir.Value:
    assert value is not None  # noqa: S101 — required by the operators
    return value
