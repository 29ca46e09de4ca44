"""Errors of an artifact's outputs against a reference, and their tolerances."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxcam import contract
from onnxcam.execution.golden import relative_error

Array = npt.NDArray[Any]
Target = npt.NDArray[np.int64]

# Relative L2 errors. Up to the layers' gradients they are float32 rounding. In the gradient at the input, rounding can
# also flip a few ReLU masks of a deep network; its bound is that of a cosine of 0.9998.
TOLERANCES = {
    "answers": 1e-4,
    contract.SCORES_OUTPUT: 1e-4,
    contract.ACTIVATIONS_PREFIX: 1e-3,
    contract.GRADIENTS_PREFIX: 1e-3,
    contract.GUIDED_OUTPUT: 2e-2,
    contract.INPUT_GRADIENTS_OUTPUT: 2e-2,
}

# The same for models that compute in float16, against the same weights in float32.
HALF_TOLERANCES = {
    "answers": 2e-2,
    contract.SCORES_OUTPUT: 1e-2,
    contract.ACTIVATIONS_PREFIX: 1e-2,
    contract.GRADIENTS_PREFIX: 3e-2,
    contract.GUIDED_OUTPUT: 3e-2,
    contract.INPUT_GRADIENTS_OUTPUT: 3e-2,
}

# The largest tolerance of all: an output of zeros has an error of 1.
CEILING = 0.5

# If rounding decides a gradient's direction, two computations of it still differ in length by a smaller factor.
_SIZES = 4.0


@dataclass(slots=True)
class Comparison:
    """The errors of compared outputs, their tolerances, and notes.

    Attributes:
        errors: Relative L2 errors by the name of the output or check.
        tolerances: The tolerance of each error.
        notes: Sentences for the report, each once.
    """

    errors: dict[str, float] = field(default_factory=dict)
    tolerances: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, error: float, allowed: float) -> None:
        """Adds an error; of several with one name, the largest error and the largest tolerance count."""
        self.errors[name] = _larger(error, self.errors.get(name, 0.0))
        self.tolerances[name] = max(allowed, self.tolerances.get(name, 0.0))

    def note(self, *sentences: str) -> None:
        """Adds sentences that are not among the notes yet."""
        self.notes += [sentence for sentence in dict.fromkeys(sentences) if sentence not in self.notes]

    def include(self, other: Comparison) -> None:
        """Adds all errors and notes of another comparison."""
        for name, error in other.errors.items():
            self.add(name, error, other.tolerances[name])
        self.note(*other.notes)


def _larger(error: float, other: float) -> float:
    return float("nan") if error != error or other != other else max(error, other)  # noqa: PLR0124 — not a number


def tolerance(output: str, *, halves: bool = False) -> float:
    """The relative L2 error allowed for an output of the artifact; ``halves`` for one that computes in float16."""
    tolerances = HALF_TOLERANCES if halves else TOLERANCES
    return next((bound for prefix, bound in tolerances.items() if output.startswith(prefix)), tolerances["answers"])


def compare_with_exact(
    comparison: Comparison, output: str, got: Array, expected: Array, exact: Array | None, *, halves: bool = False
) -> None:
    """Compares with the reference in a wider type, after the reference in its own differed by more than the tolerance.

    Rounding flips ReLU masks and the choices of max pooling. In a badly conditioned network, or in float16, two correct
    computations can therefore differ much. The artifact's error may then be four times the error of the reference in
    its own type, up to ``CEILING``; twice in float16, whose rounding is exaggerated there. If the reference's own error
    exceeds ``CEILING``, only the size is compared.
    """
    if exact is None:
        comparison.add(output, relative_error(got, expected), tolerance(output, halves=halves))
        return
    error, own = relative_error(got, exact), relative_error(expected, exact)
    types = ("float16", "float32") if halves else (expected.dtype, "float64")
    limit = f"the reference's own {types[0]} is {own:.0e} from its {types[1]}"
    if own <= CEILING:
        comparison.add(output, error, min(CEILING, max(tolerance(output, halves=halves), (2 if halves else 4) * own)))
        comparison.note(f"{output}: limited by rounding, {limit}")
        return
    size = float(np.linalg.norm(got.astype(np.float64)) / np.linalg.norm(exact))
    if 1 / _SIZES < size < _SIZES:
        comparison.note(f"not compared: {output}, but for its size; {limit}, so no two computations of it agree")
    else:
        comparison.add(output, error, CEILING)


def difference(value: Any, expected: Any) -> float:
    """The relative error of numbers, also in lists and maps; for other types, 0 if equal and infinity if not."""
    a, b = _numbers(value), _numbers(expected)
    if a is None or b is None:
        same = np.array_equal(value, expected) if isinstance(value, np.ndarray) else value == expected
        return 0.0 if same else float("inf")
    return relative_error(a, b)


def _numbers(value: Any) -> Array | None:
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "fiub" else None
    if isinstance(value, dict):
        return np.asarray([value[key] for key in sorted(value)], np.float64)
    if isinstance(value, list):
        parts = [_numbers(item) for item in value]
        arrays = [np.ravel(part) for part in parts if part is not None]
        return np.concatenate([[], *arrays]) if len(arrays) == len(parts) else None
    if isinstance(value, str):
        return None
    return np.asarray(value, np.float64)
