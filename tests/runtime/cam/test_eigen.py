import numpy as np
import pytest

from onnxcam import cam


def plain_component(values: np.ndarray) -> np.ndarray:
    """[K, P] on its first principal component, by the covariance matrix; of either sign."""
    centred = values - values.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    return vectors[:, -1] @ centred


@pytest.mark.parametrize("shape", [(1, 5, 3, 4), (2, 5, 3, 4), (1, 40, 3, 4), (1, 1, 3, 4)])
def test_it_is_the_first_principal_component(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for row, found in enumerate(cam.eigen_cam(values, relu=False)):
        expected = plain_component(values[row].reshape(shape[1], -1).astype(np.float64)).reshape(3, 4)
        sign = np.sign((expected * found).sum())
        np.testing.assert_allclose(found, sign * expected, atol=1e-5)


def test_the_map_is_high_where_the_channels_together_are():
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=(1, 5, 3, 4))
        found, total = cam.eigen_cam(values, relu=False)[0], values[0].sum(axis=0)
        assert (found * (total - total.mean())).sum() >= 0
        np.testing.assert_allclose(cam.eigen_cam(-values, relu=False)[0], -found, atol=1e-12)


def test_without_a_correlation_the_largest_value_is_positive():
    one = np.array([[-3.0, 1.0, 1.0, 1.0]])
    values = np.stack([one, -one])[None]  # the channels cancel
    np.testing.assert_allclose(cam.eigen_cam(values, relu=False)[0], np.sqrt(2) * -one, atol=1e-12)
    np.testing.assert_allclose(cam.eigen_cam(-values, relu=False)[0], np.sqrt(2) * -one, atol=1e-12)


def test_constant_channels_give_zeros():
    np.testing.assert_array_equal(cam.eigen_cam(np.full((1, 3, 2, 2), 7, np.float32)), np.zeros((1, 2, 2)))


def test_eigen_grad_cam_takes_the_products():
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(1, 5, 3, 4)).astype(np.float32)
    gradients = rng.normal(size=(4, 5, 3, 4)).astype(np.float32)
    maps = cam.eigen_grad_cam(activations, gradients, relu=False)
    assert maps.dtype == np.float32
    for row in range(4):
        expected = cam.eigen_cam(gradients[row : row + 1] * activations, relu=False)
        np.testing.assert_allclose(maps[row], expected[0], atol=1e-6)
