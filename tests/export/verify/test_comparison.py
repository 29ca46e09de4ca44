"""A tolerance has a ceiling, and an output of zeros never passes."""

from __future__ import annotations

import numpy as np
import pytest

from onnxcam_export.verify.comparison import CEILING, Comparison, compare_with_exact

RNG = np.random.default_rng(0)
EXACT = RNG.standard_normal((2, 50))


def off_by(share: float) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(EXACT.shape)
    return EXACT + share * noise * np.linalg.norm(EXACT) / np.linalg.norm(noise)


def compared(got: np.ndarray, reference: np.ndarray) -> Comparison:
    comparison = Comparison()
    compare_with_exact(comparison, "onnxcam.guided_gradients", got, reference, EXACT)
    return comparison


@pytest.mark.parametrize("own", [0.1, 0.2, 0.4])
def test_up_to_the_ceiling_four_times_the_reference_s_own_error_is_allowed(own: float) -> None:
    found = compared(off_by(0.05), off_by(own))
    assert found.tolerances["onnxcam.guided_gradients"] == pytest.approx(min(4 * own, CEILING))
    assert found.errors["onnxcam.guided_gradients"] == pytest.approx(0.05)
    assert "limited by rounding" in found.notes[0]


@pytest.mark.parametrize("own", [0.3, 0.6, 2.0])
def test_zeros_are_refused_however_far_off_the_reference_is(own: float) -> None:
    found = compared(np.zeros_like(EXACT), off_by(own))
    assert found.errors["onnxcam.guided_gradients"] == 1.0
    assert found.tolerances["onnxcam.guided_gradients"] <= CEILING


def test_beyond_the_ceiling_it_is_said_that_nothing_was_compared() -> None:
    found = compared(off_by(0.6), off_by(0.7))
    assert not found.errors
    assert found.notes[0].startswith("not compared: onnxcam.guided_gradients, but for its size; the reference's own")


def test_the_largest_error_counts_and_what_is_no_number() -> None:
    comparison = Comparison()
    for error in (0.1, 0.3, 0.2):
        comparison.add("y", error, 0.5)
    assert comparison.errors == {"y": 0.3}
    comparison.add("y", float("nan"), 0.5)
    comparison.add("y", 0.1, 0.5)
    assert not comparison.errors["y"] <= 0.5
