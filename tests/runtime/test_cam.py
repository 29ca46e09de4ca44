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


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_guided_grad_cam_multiplies_every_channel_with_the_upsampled_map(layout):
    rng = np.random.default_rng(0)
    guided = rng.normal(size=(2, 3, 8, 6)).astype(np.float32)
    maps = rng.uniform(size=(2, 4, 3)).astype(np.float32)
    large = cam.upsample(maps, (8, 6))
    given = guided if layout == "NCHW" else guided.transpose(0, 2, 3, 1)
    product = cam.guided_grad_cam(given, maps, layout=layout)
    product = product if layout == "NCHW" else product.transpose(0, 3, 1, 2)
    for m in range(2):
        for channel in range(3):
            np.testing.assert_allclose(product[m, channel], guided[m, channel] * large[m], rtol=1e-6)


def test_bilinear_has_half_pixel_centres():
    # torch.nn.functional.interpolate([[1, 2], [3, 4]], (4, 4), mode="bilinear", align_corners=False)
    expected = [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5], [3, 3.25, 3.75, 4]]
    large = cam.upsample(np.array([[[1, 2], [3, 4]]], np.float32), (4, 4))
    np.testing.assert_allclose(large[0], expected, rtol=1e-6)


def plain_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    result = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y = max((i + 0.5) * image.shape[0] / height - 0.5, 0)
            x = max((j + 0.5) * image.shape[1] / width - 0.5, 0)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
            upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
            result[i, j] = upper * (1 - y + top) + lower * (y - top)
    return result


@pytest.mark.parametrize("size", [(7, 7), (14, 11), (9, 33), (3, 2), (1, 1)])
def test_bilinear_is_the_plain_loop(size):
    image = np.random.default_rng(0).normal(size=(7, 5))
    np.testing.assert_allclose(cam.upsample(image[None], size)[0], plain_bilinear(image, *size), atol=1e-12)


def test_nearest_repeats():
    large = cam.upsample(np.array([[[1, 2], [3, 4]]], np.float32), (4, 5), interpolation="nearest")
    np.testing.assert_array_equal(large[0], [[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [3, 3, 3, 4, 4], [3, 3, 3, 4, 4]])


def test_an_unknown_interpolation_is_refused():
    with pytest.raises(ValueError, match="bilinear"):
        cam.upsample(np.zeros((1, 2, 2)), (4, 4), interpolation="bicubic")


def test_normalise_scales_each_map_on_its_own():
    maps = np.array([[[1, 3]], [[-4, 4]]], np.float32)
    np.testing.assert_array_equal(cam.normalise(maps), [[[0, 1]], [[0, 1]]])


@pytest.mark.parametrize("value", [0, 7, -3, 1e-38])
def test_a_constant_map_normalises_to_zeros(value):
    np.testing.assert_array_equal(cam.normalise(np.full((1, 3, 3), value, np.float32)), np.zeros((1, 3, 3)))


def test_standardise_has_the_stated_mean_and_deviation():
    images = np.random.default_rng(0).normal(5, 3, size=(2, 3, 16, 16)).astype(np.float32)
    shown = cam.standardise(images)
    assert shown.mean(axis=(1, 2, 3)) == pytest.approx([0.5, 0.5], abs=1e-3)
    assert shown.std(axis=(1, 2, 3)) == pytest.approx([0.1, 0.1], abs=1e-3)
    assert cam.standardise(images * 1e6).min() >= 0


def test_a_constant_image_standardises_to_grey():
    np.testing.assert_array_equal(cam.standardise(np.full((1, 3, 2, 2), 9.0)), np.full((1, 3, 2, 2), 0.5))
