"""Matrix products.

A matrix that all images of the batch share has no gradient here, since that would be a sum over the images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule, sum_to
from onnxcam_export.errors import OperatorError
from onnxcam_export.graph.optimisations import Optimisation
from onnxcam_export.graph.steps import Step, is_constant, shape_of, size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Gemm(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dA = alpha dY B^T, dB = alpha A^T dY, dC = beta dY`` for ``Y = alpha A B + beta C``."""
    a, b, c = step.x, step.inputs[1], step.input(2)
    alpha, beta = float(step.attributes.get("alpha", 1.0)), float(step.attributes.get("beta", 1.0))
    trans_a, trans_b = step.attributes.get("transA", 0), step.attributes.get("transB", 0)
    if trans_a:
        da = op.Gemm(b, dy, alpha=alpha, transA=trans_b, transB=1)
    else:
        da = op.Gemm(dy, b, alpha=alpha, transB=1 - trans_b)
    db = None
    if _sums_no_batch(a, b, axis=1 if trans_a else 0):
        db = op.Gemm(dy, a, alpha=alpha, transA=1, transB=trans_a) if trans_b else None
        db = op.Gemm(a, dy, alpha=alpha, transA=1 - trans_a) if db is None else db
    if len(step.inputs) == 2:
        return [da, db]
    dc = None if c is None or is_constant(c) else sum_to(op, op.Mul(dy, beta), shape_of(step.y), shape_of(c))
    return [da, db, dc]


@rule
def MatMul(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dA = dY B^T, dB = A^T dY``, summed over the leading axes that were broadcast."""
    a, b = step.x, step.inputs[1]
    assert b is not None  # noqa: S101 — required by the operator
    vectors = [axis for axis, operand in ((-2, a), (-1, b)) if len(shape_of(operand)) == 1]
    if Optimisation.GEMM_OF_ROWS in op.optimisations and len(shape_of(a)) == len(shape_of(b)) == 2 and is_constant(b):
        return [op.Gemm(dy, b, transB=1)]  # it reads B as it is; MatMul needs a transposed copy
    y_shape = shape_of(step.y)
    lead = y_shape[: len(y_shape) + len(vectors) - 2]
    if vectors:
        dy = op.Unsqueeze(dy, vectors)
    da, db = None, None
    if not is_constant(a):
        transposed, _ = _matrix(op, b, 1, transposed=True)
        da = _operand_gradient(op, op.MatMul(dy, transposed), a, 0, lead)
    if _sums_no_batch(a, b, axis=-2):
        transposed, _ = _matrix(op, a, 0, transposed=True)
        db = _operand_gradient(op, op.MatMul(transposed, dy), b, 1, lead)
    return [da, db]


@rule
def Einsum(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = einsum(dy, b)`` with the output's letters in place of a's, and a's in place of the output's.

    Along letters that a alone has, which are summed, da is repeated.
    """
    operands, result = einsum_letters(step)
    gradients: list[ir.Value | None] = []
    for index, (x, letters) in enumerate(zip(step.inputs, operands, strict=True)):
        if x is None or is_constant(x):
            gradients.append(None)
            continue
        others = [i for i in range(len(operands)) if i != index]
        known = set(result).union(*(operands[i] for i in others))
        kept = "".join(letter for letter in letters if letter in known)
        _require_plain(step, letters, kept)
        equation = ",".join([result, *(operands[i] for i in others)]) + "->" + kept
        dx = op.Einsum(dy, *(step.inputs[i] for i in others), equation=equation)
        gradients.append(dx if "." in letters else _in_letters(op, step, dx, x, letters, kept))
    return gradients


def _require_plain(step: Step, letters: str, kept: str) -> None:
    """Refuses diagonals, and sums of one operand beside an ellipsis.

    Raises:
        OperatorError: The operand has them.
    """
    plain = letters.replace(".", "")
    if len(set(plain)) < len(plain) or ("." in letters and kept != letters):
        raise OperatorError(
            f"the rule for Einsum takes no diagonals, and no sums of one operand beside an ellipsis: {step} with "
            f"{step.attributes['equation']!r} is not supported; choose a layer between it and the score"
        )


def _in_letters(op: Builder, step: Step, dx: ir.Value, x: ir.Value, letters: str, kept: str) -> ir.Value:  # noqa: PLR0917
    """A gradient with the kept letters in the shape of x: repeated along the others, summed where x was repeated."""
    operands, _ = einsum_letters(step)
    shape = shape_of(x)
    if kept != letters:
        missing = [axis for axis, letter in enumerate(letters) if letter not in kept]
        size = [size_of(x, axis) if axis in missing else 1 for axis in range(len(shape))]
        dx = op.Expand(op.Unsqueeze(dx, missing), size)
    repeated = list(shape)
    for operand, others in zip(step.inputs, operands, strict=True):
        for letter, size_there in zip(others, shape_of(operand) if operand is not None else (), strict=False):
            if letter in letters and repeated[letters.index(letter)] == 1:
                repeated[letters.index(letter)] = size_there
    return sum_to(op, dx, repeated, shape)


def einsum_letters(step: Step) -> tuple[list[str], str]:
    """The letters of each operand and of the result; an equation without an arrow leaves the latter out."""
    equation = step.attributes["equation"].replace(" ", "")
    left, arrow, right = equation.partition("->")
    if not arrow:
        right = "".join(sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1))
        right = "..." + right if "..." in left else right
    return left.split(","), right


def _sums_no_batch(a: ir.Value, b: ir.Value | None, axis: int) -> bool:
    """Whether B has a gradient here: it is not constant, and its gradient is not a sum over the batch."""
    shape = shape_of(a)
    return not is_constant(b) and (len(shape) == 1 or shape[axis] is not None)


def _matrix(
    op: Builder, operand: ir.Value, missing: int, *, transposed: bool = False
) -> tuple[ir.Value, tuple[int | None, ...]]:
    """An operand of MatMul and its shape; a vector gets its missing axis, at the front (0) or at the end (1)."""
    shape = shape_of(operand)
    if len(shape) == 1:
        operand = op.Unsqueeze(operand, [missing])
        shape = (1, *shape) if missing == 0 else (*shape, 1)
    if transposed:
        rank = len(shape)
        operand = op.Transpose(operand, perm=[*range(rank - 2), rank - 1, rank - 2])
    return operand, shape


def _operand_gradient(
    op: Builder, gradient: ir.Value, operand: ir.Value, missing: int, lead: Sequence[int | None]
) -> ir.Value:
    """The gradient, without the axes along which the operand was broadcast, or which it was missing."""
    vector = len(shape_of(operand)) == 1
    _, shape = _matrix(op, operand, missing)
    gradient = sum_to(op, gradient, (*lead, *shape[-2:]), shape)
    return op.Squeeze(gradient, [missing]) if vector else gradient
