"""Integrated Gradients, SmoothGrad and input x gradient, against PyTorch's autograd at the same inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import onnxcam
from onnxcam import targets
from onnxcam_export import export
from support.networks import small

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> onnxcam.Explainer:
    path = tmp_path_factory.mktemp("attributions") / "plain.onnx"
    export(small(), path, input_shape=(3, 16, 16), input_gradient="plain")
    return onnxcam.Explainer(path, threads=1)


def gradient(y: Callable[[torch.Tensor], torch.Tensor], x: Array) -> Array:
    """dy/dx of one image [C, H, W], by autograd; y takes the scores [C]."""
    image = torch.tensor(x[None], dtype=torch.float32, requires_grad=True)
    y(small().eval()(image)[0]).backward()
    assert image.grad is not None
    return image.grad[0].numpy().astype(np.float64)


def path_integral(y: Callable[[torch.Tensor], torch.Tensor], x: Array, start: Array, steps: int) -> Array:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    inputs = [start + (1 + node) / 2 * (x - start) for node in nodes]
    return (x - start) * sum(w / 2 * gradient(y, one) for w, one in zip(weights, inputs, strict=True))


def test_integrated_gradients_of_all_kinds_of_targets(plain, images):
    x = images(1)
    wanted = {2: lambda s: s[2], targets.Contrast(0, 3): lambda s: s[0] - s[3]}
    wanted[targets.Probability(1, "softmax")] = lambda s: s.softmax(0)[1]
    found = plain.integrated_gradients(x, list(wanted), steps=7, batch=4)  # rows share the runs
    assert found.shape == (3, 3, 16, 16)
    for row, y in enumerate(wanted.values()):
        np.testing.assert_allclose(found[row], path_integral(y, x[0], np.zeros_like(x[0]), 7), rtol=1e-3, atol=1e-6)


def test_integrated_gradients_sum_to_the_difference_of_the_scores(plain, images):
    x = images(2)
    start = np.full((3, 1, 1), 0.5, np.float32)
    found = plain.integrated_gradients(x, 1, steps=300, baseline=start)
    scores = plain.run(x, level=0).scores - plain.run(np.broadcast_to(start, x.shape).copy(), level=0).scores
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), scores[:, 1], rtol=0.02)


def test_the_top_class_is_that_of_the_input_and_not_of_the_baseline(plain, images):
    x = images(2)
    top = [plain.run(x, level=0).top(1, image)[0].index for image in range(2)]
    np.testing.assert_array_equal(plain.integrated_gradients(x, steps=5), plain.integrated_gradients(x, top, steps=5))


def test_smooth_grad_is_the_mean_gradient_over_the_noise(plain, images):
    x = images(2) * np.array([1, 3], np.float32)[:, None, None, None]
    found = plain.smooth_grad(x, [4, 1], samples=5, noise=0.2)
    for row, index in enumerate([4, 1]):
        random = np.random.default_rng(0)
        deviation = 0.2 * (x[row].max() - x[row].min())
        noisy = [x[row] + deviation * random.standard_normal(x[row].shape) for _ in range(5)]
        expected = np.mean([gradient(lambda s, index=index: s[index], one) for one in noisy], axis=0)
        np.testing.assert_allclose(found[row], expected, rtol=1e-3, atol=1e-6)


def test_without_noise_smooth_grad_is_the_gradient(plain, images):
    x = images(1)
    np.testing.assert_allclose(plain.smooth_grad(x, 3, noise=0), plain.run(x, 3).input_gradient(), rtol=1e-5, atol=1e-7)


def test_input_x_gradient(plain, images):
    x = images(2)
    found = plain.run(x, [[0, 1], [2, 3]]).input_x_gradient()
    for row in range(4):
        expected = x[row // 2] * gradient(lambda s, row=row: s[row], x[row // 2])
        np.testing.assert_allclose(found[row], expected, rtol=1e-3, atol=1e-6)
