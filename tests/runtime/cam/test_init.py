"""All methods: published numbers, any number of axes, and rows for one image."""

import numpy as np
import pytest

from onnxcam import cam

# The numbers of pytorch-grad-cam's own formulas, without its constants in denominators.
A = np.array([[[[1, 2], [3, 4]], [[0, 1], [0, 2]], [[2, 0], [1, 1]]]], np.float32)
G = np.array([[[[0.5, -0.5], [1, 0]], [[-1, 0.25], [0, -0.25]], [[0.2, 0.2], [0.2, 0.2]]]], np.float32)
MAPS = {
    cam.grad_cam: [[0.65, 0.25], [0.95, 0.7]],
    cam.cam: [[2.6, 1.0], [3.8, 2.8]],
    cam.grad_cam_plus_plus: [[0.726190, 0.400433], [0.75, 1.086580]],
    cam.xgrad_cam: [[0.65, 0.416667], [0.95, 1.033333]],
    cam.hires_cam: [[0.9, -0.75], [3.2, -0.3]],
    cam.layer_cam: [[0.9, 0.25], [3.2, 0.2]],
    cam.eigen_grad_cam: [[-0.118656, -1.634427], [2.372694, -0.619611]],
}
EVERY = pytest.mark.parametrize("formula", [*MAPS, lambda a, _, relu: cam.eigen_cam(a, relu=relu)])


@pytest.mark.parametrize("formula", MAPS, ids=lambda formula: formula.__name__)
def test_published_numbers(formula):
    np.testing.assert_allclose(formula(A, G, relu=False)[0], MAPS[formula], atol=1e-5)
    np.testing.assert_array_equal(formula(A, G, relu=True), np.maximum(formula(A, G, relu=False), 0))


def test_published_weights_and_components():
    np.testing.assert_allclose(cam.grad_cam_weights(G), [[0.25, -0.25, 0.2]], atol=1e-5)
    np.testing.assert_allclose(cam.grad_cam_plus_plus_weights(A, G), [[0.154762, 0.090909, 0.285714]], atol=1e-5)
    np.testing.assert_allclose(cam.xgrad_cam_weights(A, G), [[0.25, -0.083333, 0.2]], atol=1e-5)
    np.testing.assert_allclose(cam.eigen_cam(A, relu=False), [[[-1.870829, 0], [0, 1.870829]]], atol=1e-5)
    np.testing.assert_allclose(cam.eigen_cam(A), [[[0, 0], [0, 1.870829]]], atol=1e-5)


@pytest.mark.parametrize("places", [(12,), (3, 4), (2, 3, 2)])
@EVERY
def test_places_of_any_number_of_axes(formula, places):
    """Twelve places are explained alike, however they lie."""
    rng = np.random.default_rng(0)
    activations, gradients = (rng.normal(size=(2, 5, 12)).astype(np.float32) for _ in range(2))
    maps = formula(activations.reshape(2, 5, *places), gradients.reshape(2, 5, *places), relu=False)
    assert maps.shape == (2, *places)
    np.testing.assert_allclose(maps.reshape(2, 12), formula(activations, gradients, relu=False), atol=1e-5)


@pytest.mark.parametrize("formula", MAPS, ids=lambda formula: formula.__name__)
def test_several_rows_of_one_image_are_explained_as_if_alone(formula):
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(1, 5, 3, 4)).astype(np.float32)
    gradients = rng.normal(size=(3, 5, 3, 4)).astype(np.float32)
    alone = np.concatenate([formula(activations, gradients[row : row + 1], relu=False) for row in range(3)])
    np.testing.assert_allclose(formula(activations, gradients, relu=False), alone, rtol=1e-5, atol=1e-6)


@EVERY
def test_nothing_gives_zeros_without_a_warning(formula):
    zeros = np.zeros((1, 3, 2, 2), np.float32)
    np.testing.assert_array_equal(formula(zeros, zeros, relu=False), np.zeros((1, 2, 2)))


def test_pooling_and_a_linear_layer_make_four_methods_one():
    rng = np.random.default_rng(0)
    activations = rng.uniform(size=(1, 5, 3, 4)).astype(np.float32)
    gradients = np.broadcast_to(rng.normal(size=(2, 5, 1, 1)).astype(np.float32), (2, 5, 3, 4))
    expected = cam.grad_cam(activations, gradients)
    for same in (cam.xgrad_cam, cam.hires_cam, lambda a, g: cam.cam(a, g, relu=True) / 12):
        np.testing.assert_allclose(same(activations, gradients), expected, rtol=1e-4, atol=1e-6)
