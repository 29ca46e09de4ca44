import numpy as np

from onnxcam.render.colours import PLASMA, colour


def lightness(rgb: np.ndarray) -> np.ndarray:
    """L* of CIELAB."""
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def test_the_ends_and_the_samples_are_the_tables():
    np.testing.assert_allclose(colour(np.linspace(0, 1, len(PLASMA))[None])[0], PLASMA, atol=1e-3)
    np.testing.assert_array_equal(colour(np.array([[-1, 2]]))[0], PLASMA[[0, -1]])


def test_lightness_rises_evenly_all_the_way():
    steps = np.diff(lightness(colour(np.linspace(0, 1, 33)[None])[0]))
    assert steps.min() > 0
    assert steps.max() < 2.5 * steps.mean()
