"""The result of comparing an artifact's outputs with a reference, and how much they may differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxcam import contract
from onnxcam.execution.golden import relative_error

Array = npt.NDArray[Any]
Target = npt.NDArray[np.int64]

# Relative L2 errors. Everything up to the layer gradients is float32 rounding. In the gradient at the input rounding
# can also turn a few ReLU masks of a deep network over, which is why its bound is that of a cosine of 0.9998.
TOLERANCES = {
    "answers": 1e-4,
    contract.SCORES_OUTPUT: 1e-4,
    contract.ACTIVATIONS_PREFIX: 1e-3,
    contract.GRADIENTS_PREFIX: 1e-3,
    contract.GUIDED_OUTPUT: 2e-2,
    contract.INPUT_GRADIENTS_OUTPUT: 2e-2,
}

# No tolerance exceeds it: an output of zeros has an error of 1.
CEILING = 0.5

# Two computations of a gradient whose direction rounding decides differ in length by a smaller factor.
_SIZES = 4.0


@dataclass(slots=True)
class Comparison:
    """What was compared, how closely it agreed, and what could not be compared.

    Attributes:
        errors: Relative L2 errors by what was compared.
        tolerances: The bound of each.
        notes: Sentences for the report, each once.
    """

    errors: dict[str, float] = field(default_factory=dict)
    tolerances: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, error: float, allowed: float) -> None:
        """Enters an error; of several by one name the largest counts, and the widest bound."""
        self.errors[name] = _larger(error, self.errors.get(name, 0.0))
        self.tolerances[name] = max(allowed, self.tolerances.get(name, 0.0))

    def note(self, *sentences: str) -> None:
        """Adds sentences that are not there yet."""
        self.notes += [sentence for sentence in dict.fromkeys(sentences) if sentence not in self.notes]

    def include(self, other: Comparison) -> None:
        """Enters everything of another comparison."""
        for name, error in other.errors.items():
            self.add(name, error, other.tolerances[name])
        self.note(*other.notes)


def _larger(error: float, other: float) -> float:
    return float("nan") if error != error or other != other else max(error, other)  # noqa: PLR0124 — not a number


def tolerance(output: str) -> float:
    """The relative L2 error allowed for an output of the artifact."""
    for prefix, bound in TOLERANCES.items():
        if output.startswith(prefix):
            return bound
    return TOLERANCES["answers"]


def compare_with_exact(comparison: Comparison, output: str, got: Array, expected: Array, exact: Array | None) -> None:
    """Compares with the reference in float64, where its own float32 is no closer.

    Rounding turns over ReLU masks and the choices of max pooling; in a badly conditioned network, or in float16, that
    is no small change, and two correct computations differ by it. The artifact may then be off by no more than four
    times what the reference is, and by no more than ``CEILING``. Where the reference itself is off by more than that,
    nothing but the size is compared.
    """
    if exact is None:
        comparison.add(output, relative_error(got, expected), tolerance(output))
        return
    error, own = relative_error(got, exact), relative_error(expected, exact)
    limit = f"the reference's own {expected.dtype} is {own:.0e} from its float64"
    if own <= CEILING:
        comparison.add(output, error, min(CEILING, max(tolerance(output), 4 * own)))
        comparison.note(f"{output}: limited by rounding, {limit}")
        return
    size = float(np.linalg.norm(got.astype(np.float64)) / np.linalg.norm(exact))
    if 1 / _SIZES < size < _SIZES:
        comparison.note(f"not compared: {output}, but for its size; {limit}, so no two computations of it agree")
    else:
        comparison.add(output, error, CEILING)


def difference(value: Any, expected: Any) -> float:
    """The relative error of numbers, also inside of lists and maps; of anything else, whether it is the same."""
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
