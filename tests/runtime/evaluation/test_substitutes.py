import numpy as np
import pytest

from onnxcam.evaluation.substitutes import blurred, substitute_of


def test_the_blur_keeps_the_mean_inside_and_fades_to_zero_at_edges():
    flat = np.ones((3, 40, 40), np.float32)
    assert blurred(flat)[:, 20, 20] == pytest.approx(1)
    edge = blurred(flat)[0, 20, 0]
    assert 0.5 < edge < 0.6  # half of the kernel and its middle
    assert blurred(flat)[0, 0, 0] == pytest.approx(edge**2)


def test_the_kernel_is_that_of_scipy():
    """scipy.ndimage.gaussian_filter of a one amid 11 places, with sigma 5."""
    point = np.zeros((1, 31, 31), np.float32)
    point[0, 15, 15] = 1
    # scipy 1.17.1: gaussian_filter1d(one, 5) in float64.
    half = [0.0939821, 0.0934894, 0.0921911, 0.0904742, 0.0888961, 0.0879581]
    kernel = np.array([*half[:0:-1], *half])
    assert blurred(point)[0, 10:21, 10:21] == pytest.approx(np.outer(kernel, kernel), abs=1e-7)
    assert blurred(point).sum() == pytest.approx(1)


def test_black_and_zero(pooled):
    image = np.ones((3, 8, 8), np.float32)
    assert not substitute_of(image, "zero", pooled.metadata).any()
    assert (substitute_of(image, "black", pooled.metadata) == -2).all()  # mean 0.5 and std 0.25
