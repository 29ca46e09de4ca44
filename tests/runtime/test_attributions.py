"""Arguments and batches; tests/export compares the values with autograd."""

import dataclasses

import numpy as np
import pytest

import onnxcam
from onnxcam.errors import MethodError, TargetError, TensorError


def test_the_sum_is_the_difference_of_the_scores(plain, ramp):
    found = plain.integrated_gradients(ramp, [0, 3], steps=400)
    scores = plain.run(ramp, level=0).scores - plain.run(np.zeros_like(ramp), level=0).scores
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), scores[0, [0, 3]], rtol=0.01)
    assert found.dtype == np.float32


@pytest.mark.parametrize("batch", [1, 3, 16, 1000])
def test_the_size_of_a_run_does_not_matter(plain, ramp, batch):
    several = np.concatenate([ramp, ramp[..., ::-1]])
    expected = [plain.integrated_gradients(several[n : n + 1], steps=7)[0] for n in range(2)]
    np.testing.assert_allclose(plain.integrated_gradients(several, steps=7, batch=batch), expected, rtol=1e-5)


def test_a_fixed_batch_is_filled(plain, rewritten, ramp):
    image = dataclasses.replace(plain.metadata.image, batch=4)
    fixed = onnxcam.Explainer(rewritten("plain", image=image, golden=None))
    several = np.concatenate([ramp, ramp[..., ::-1], ramp, ramp])
    expected = plain.integrated_gradients(several, [0, 1, 2, 3], steps=7)
    np.testing.assert_allclose(fixed.integrated_gradients(several, [0, 1, 2, 3], steps=7), expected, rtol=1e-5)


def test_several_targets_of_each_of_several_images(plain, ramp):
    several = np.concatenate([ramp, ramp[..., ::-1]])
    found = plain.smooth_grad(several, [[0, 1], [2, 3]], samples=3)
    for row in range(4):
        image = several[row // 2 : row // 2 + 1]
        np.testing.assert_allclose(found[row], plain.smooth_grad(image, row, samples=3)[0], rtol=1e-5)


def test_the_noise_is_that_of_the_seed(plain, ramp):
    first = plain.smooth_grad(ramp, samples=3, noise=1)
    np.testing.assert_array_equal(plain.smooth_grad(ramp, samples=3, noise=1), first)
    assert not np.array_equal(plain.smooth_grad(ramp, samples=3, noise=1, seed=1), first)


@pytest.mark.parametrize("baseline", [2, [[[2.0]]], np.full((1, 4, 4), 2), np.full((1, 1, 4, 4), 2, np.int64)])
def test_baselines_of_any_shape_that_fits(plain, ramp, baseline):
    expected = plain.integrated_gradients(ramp, 0, baseline=2.0)
    np.testing.assert_array_equal(plain.integrated_gradients(ramp, 0, baseline=baseline), expected)
    np.testing.assert_array_equal(plain.integrated_gradients(np.full_like(ramp, 2), 0, baseline=baseline), 0 * ramp)


def test_a_model_without_the_plain_gradient(toy, ramp, plain):
    for method in (toy.integrated_gradients, toy.smooth_grad, toy.run(ramp).input_x_gradient):
        arguments = () if method.__name__ == "input_x_gradient" else (ramp,)
        with pytest.raises(
            MethodError, match=r'needs the plain gradient .* is guided; export it with input_gradient="plain"$'
        ):
            method(*arguments)
    with pytest.raises(MethodError, match="needs level=2, and this explanation is of level 1"):
        plain.run(ramp, level=1).input_x_gradient()


def test_a_model_below_level_2(data, ramp):
    with pytest.raises(MethodError, match="fixed at level 1 and has no level 2"):
        onnxcam.Explainer(data / "plain.onnx", level=1).integrated_gradients(ramp)


def test_mistakes(plain, ramp):
    with pytest.raises(MethodError, match="the number of steps is a whole number from 1, not 0"):
        plain.integrated_gradients(ramp, steps=0)
    with pytest.raises(MethodError, match=r"the number of samples is a whole number from 1, not 2\.5"):
        plain.smooth_grad(ramp, samples=2.5)
    with pytest.raises(MethodError, match="the number of inputs in a run is a whole number from 1, not -1"):
        plain.smooth_grad(ramp, batch=-1)
    for noise in (-1, float("nan"), float("inf"), "much"):
        with pytest.raises(MethodError, match=r"the noise is a share of the input's range, such as 0\.15, not"):
            plain.smooth_grad(ramp, noise=noise)
    with pytest.raises(TensorError, match=r"the baseline must be a number or an array that fits \[1, 1, 4, 4\]"):
        plain.integrated_gradients(ramp, baseline=np.zeros(3))
    with pytest.raises(TensorError, match="the baseline must be a number"):
        plain.integrated_gradients(ramp, baseline="black")
    with pytest.raises(TensorError, match="the baseline holds NaN or infinity"):
        plain.integrated_gradients(ramp, baseline=np.inf)
    with pytest.raises(TargetError, match="there is no class 9"):
        plain.integrated_gradients(ramp, 9)
    with pytest.raises(TensorError, match="add the batch axis"):
        plain.integrated_gradients(ramp[0])
