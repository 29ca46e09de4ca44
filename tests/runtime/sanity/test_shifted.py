from dataclasses import replace

import numpy as np
import pytest

import onnxcam
from onnxcam.sanity.shifted import SHIFT, can_be_shifted, shifted


@pytest.mark.parametrize("name", ["toy", "plain", "pooled", "flat"])
def test_the_shifted_input_gives_what_the_original_gives(data, name):
    path = data / f"{name}.onnx"
    original, moved = onnxcam.Explainer(path), onnxcam.Explainer(shifted(path.read_bytes()))
    # Multiples of a half, so that the sum and the difference are exact.
    image = np.random.default_rng(0).integers(-4, 41, (1, *original.metadata.image.shape)).astype(np.float32) / 2
    expected, got = original.run(image, 1), moved.run(image + np.float32(SHIFT), 1)
    np.testing.assert_array_equal(got.scores, expected.scores)
    for layer, values in expected.gradients.items():
        np.testing.assert_array_equal(got.gradients[layer], values)
        np.testing.assert_array_equal(got.activations[layer], expected.activations[layer])
    at_input = (got.input_gradients, expected.input_gradients) if name == "plain" else (got.guided, expected.guided)
    np.testing.assert_array_equal(*at_input)
    assert not np.array_equal(moved.run(image, 1).scores, expected.scores)


def test_levels_stay(data):
    path = data / "pooled.onnx"
    image = np.ones((1, 3, 8, 8), np.float32)
    fixed = onnxcam.Explainer(shifted(path.read_bytes()), level=1)
    expected = onnxcam.Explainer(path).run(image, level=1).grad_cam()
    np.testing.assert_allclose(fixed.run(image + np.float32(SHIFT)).grad_cam(), expected, rtol=1e-5)


def test_whole_numbers_are_not_shifted(pooled):
    assert can_be_shifted(pooled.metadata)
    image = replace(pooled.metadata.image, dtype="uint8")
    assert not can_be_shifted(replace(pooled.metadata, image=image))
