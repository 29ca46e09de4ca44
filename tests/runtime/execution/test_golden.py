import dataclasses

import numpy as np
import pytest

from onnxcam.errors import ModelError
from onnxcam.execution.golden import Comparison, answers, check, golden_input, relative_error, sample
from onnxcam.execution.model import LoadedModel


def test_the_input_is_splitmix64():
    published = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], np.uint64)  # of seed 0
    expected = (published >> np.uint64(40)).astype(np.float32) / 2**22 - 2
    np.testing.assert_array_equal(golden_input((1, 3))[0], expected)
    np.testing.assert_array_equal(golden_input((3, 1))[:, 0], expected)


def test_the_input_has_the_range_of_its_type():
    values = golden_input((4, 3, 8, 8))
    assert values.dtype == np.float32
    assert values.min() >= -2
    assert values.max() < 2
    assert values.mean() == pytest.approx(0, abs=0.1)
    pixels = golden_input((4, 3, 8, 8), "uint8")
    assert pixels.dtype == np.uint8
    assert pixels.max() > 250
    assert golden_input((2, 2), "float16").dtype == np.float16


@pytest.mark.parametrize("name", ["toy", "plain", "pooled", "flat"])
def test_a_good_model_passes(data, name):
    compared = check(LoadedModel(data / f"{name}.onnx"))
    assert [item.name for item in compared] == ["scores", "grad_cam", "guided_backprop"]
    assert all(item.passed for item in compared)


@pytest.mark.parametrize("name", ["scores", "grad_cam", "guided_backprop"])
def test_a_model_that_answers_differently_fails(rewritten, pooled, name):
    golden = pooled.metadata.golden
    wrong = tuple(value * 1.01 for value in getattr(golden, name))
    changed = dataclasses.replace(golden, **{name: wrong})
    compared = check(LoadedModel(rewritten("pooled", golden=changed)))
    assert [item.name for item in compared if not item.passed] == [name]


def test_a_model_without_golden_answers(rewritten):
    with pytest.raises(ModelError, match="carries no golden answers"):
        check(LoadedModel(rewritten("pooled", golden=None)))


def test_answers_are_samples_of_the_explanation(pooled, data):
    measured = answers(LoadedModel(data / "pooled.onnx"), 2, "features")
    explanation = pooled.run(golden_input((1, 3, 8, 8)), 2)
    assert measured["scores"] == sample(explanation.scores)
    assert measured["grad_cam"] == sample(explanation.grad_cam(relu=False))
    assert len(measured["guided_backprop"]) == 64


def test_relative_error():
    assert relative_error([3, 4], [3, 4]) == 0
    assert relative_error([3, 5], [3, 4]) == pytest.approx(0.2)
    assert relative_error([0, 0], [0, 0]) == 0
    assert relative_error([0, 1], [0, 0]) == float("inf")
    assert relative_error([1], [1, 2]) == float("inf")
    assert relative_error([[1, 2]], [1, 2]) == float("inf")
    assert relative_error(np.array([3, 5], np.float16), np.array([3, 4], np.float16)) == pytest.approx(0.2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_infinitely_wrong(value):
    """Also where both have it: infinity minus infinity is no agreement."""
    for values, reference in (([value, 1], [1, 1]), ([1, 1], [value, 1]), ([value, 1], [value, 1])):
        assert relative_error(values, reference) == float("inf")


def test_nan_does_not_pass():
    assert not Comparison("scores", float("nan"), 1e-4).passed
