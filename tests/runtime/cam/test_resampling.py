"""Against slower and plainer computations of the same formulas."""

import numpy as np
import pytest

from onnxcam import cam


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
