"""Against slower and plainer computations of the same formulas."""

import numpy as np
import pytest

from onnxcam import cam


def arrays(images: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(images, 5, 3, 4)).astype(np.float32)
    return activations, rng.normal(size=(rows, 5, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(("images", "rows"), [(1, 1), (3, 3), (1, 4)])
def test_grad_cam_is_its_formula(images, rows):
    activations, gradients = arrays(images, rows)
    maps = cam.grad_cam(activations, gradients, relu=False)
    for m in range(rows):
        image = activations[m if images == rows else 0]
        expected = sum(gradients[m, k].mean() * image[k] for k in range(5))
        np.testing.assert_allclose(maps[m], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(cam.grad_cam(activations, gradients), np.maximum(maps, 0))


def test_cam_finds_the_weights_of_the_linear_layer():
    rng = np.random.default_rng(0)
    activations, _ = arrays(1, 1)
    weights = rng.normal(size=(2, 5)).astype(np.float32)  # of two classes
    gradients = np.broadcast_to(weights[:, :, None, None] / 12, (2, 5, 3, 4))  # d mean / dA = 1 / (3 * 4)
    np.testing.assert_allclose(cam.cam_weights(gradients), weights, rtol=1e-5)
    expected = np.einsum("mk,khw->mhw", weights, activations[0])
    np.testing.assert_allclose(cam.cam(activations, gradients), expected, rtol=1e-4, atol=1e-5)


def test_cam_keeps_what_speaks_against_the_class():
    activations, gradients = arrays(1, 1)
    assert cam.cam(activations, gradients).min() < 0


def test_half_precision_gradients_are_summed_in_single():
    gradients = np.full((1, 1, 64, 64), 100, np.float16)  # their sum is far beyond float16
    assert cam.cam_weights(gradients) == pytest.approx(100 * 64 * 64)
    assert cam.grad_cam(np.ones((1, 1, 64, 64), np.float16), gradients).max() == pytest.approx(100)


def test_grad_cam_plus_plus_is_the_papers_formula_for_each_row():
    activations, gradients = arrays(1, 4)
    weights = cam.grad_cam_plus_plus_weights(np.abs(activations), gradients)
    for m in range(4):
        for k in range(5):
            g, total = gradients[m, k].astype(np.float64), np.abs(activations[0, k]).sum()
            alpha = g**2 / (2 * g**2 + g**3 * total)
            assert weights[m, k] == pytest.approx((alpha * np.maximum(g, 0)).sum(), rel=1e-5)


def test_grad_cam_plus_plus_does_not_depend_on_the_size_of_tiny_gradients():
    """Their squares are zero in float32, and a constant in the denominator would outweigh them."""
    activations, gradients = np.ones((1, 1, 1, 2), np.float32), np.array([[[[1e-30, 2e-30]]]], np.float32)
    assert cam.grad_cam_plus_plus_weights(activations, gradients) == pytest.approx(1.5e-30)


def test_where_grad_cam_plus_plus_divides_by_zero_it_has_no_weight():
    activations = np.array([[[[-2.0, 1.0]], [[0.0, 0.0]]]], np.float32)  # with G = 2, 2 + G sum A is zero
    gradients = np.array([[[[2.0, 0.0]], [[0.0, 0.0]]]], np.float32)
    np.testing.assert_array_equal(cam.grad_cam_plus_plus_weights(activations, gradients), [[0, 0]])


def test_xgrad_cam_of_activations_that_sum_to_zero_is_finite():
    third = np.float32(1) / 3
    activations = np.array([[[[third, third, third, -1.0]], [[0.0] * 4], [[1.0] * 4]]], np.float32)
    gradients = np.ones((2, 3, 1, 4), np.float32) * [[[[1, 2, 3, 4]]]]
    np.testing.assert_allclose(cam.xgrad_cam_weights(activations, gradients), [[0, 0, 2.5]] * 2)


def test_cam_takes_a_relu_where_one_is_wanted():
    activations, gradients = arrays(1, 1)
    signed = cam.cam(activations, gradients)
    np.testing.assert_array_equal(cam.cam(activations, gradients, relu=True), np.maximum(signed, 0))
