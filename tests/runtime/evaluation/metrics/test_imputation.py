import numpy as np
import pytest

from onnxcam.evaluation.metrics import linear_imputation, noisy_linear_imputation
from onnxcam.evaluation.metrics.imputation import TOLERANCE


def solved(image, known):
    """The same equations one by one, solved by numpy."""
    channels, height, width = image.shape
    matrix, right = np.zeros((height * width, height * width)), np.zeros((height * width, channels))
    for row, column in np.ndindex(height, width):
        place = row * width + column
        if known[row, column]:
            matrix[place, place], right[place] = 1, image[:, row, column]
            continue
        for down, across in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
            if 0 <= row + down < height and 0 <= column + across < width:
                weight = 1 / 12 if down and across else 1 / 6
                matrix[place, place] += weight
                matrix[place, place + down * width + across] -= weight
    return np.linalg.solve(matrix, right).T.reshape(image.shape)


@pytest.mark.parametrize("shape", [(8, 8), (17, 23), (32, 32), (5, 40), (2, 3), (24, 31)])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_imputed_pixels_are_the_weighted_means_of_their_neighbours(shape, share):
    random = np.random.default_rng(0)
    image, known = random.standard_normal((3, *shape)).astype(np.float32), random.random(shape) < share
    known[0, -1] = True
    expected = solved(image, known)
    assert np.abs(linear_imputation(image, known, tolerance=1e-5) - expected).max() < 2e-5
    assert np.abs(linear_imputation(image, known) - expected).max() < 2 * TOLERANCE


def test_the_centre_of_a_large_gap_is_filled_too():
    image = np.broadcast_to(np.linspace(-1, 1, 96, dtype=np.float32), (1, 96, 96)).copy()
    known = np.zeros((96, 96), bool)
    known[:, [0, -1]] = True
    image[:, ~known] = 0
    expected = np.broadcast_to(np.linspace(-1, 1, 96), (1, 96, 96))
    assert np.abs(linear_imputation(image, known) - expected).max() < TOLERANCE


def test_known_pixels_stay_and_where_none_is_known_the_mean_stands():
    image = np.random.default_rng(0).standard_normal((3, 9, 9)).astype(np.float32)
    known = np.random.default_rng(1).random((9, 9)) < 0.5
    filled = noisy_linear_imputation(image, known)
    assert (filled[:, known] == image[:, known]).all()
    assert (linear_imputation(image, np.ones((9, 9), bool)) == image).all()
    assert linear_imputation(image, np.zeros((9, 9), bool))[:, 4, 4] == pytest.approx(image.mean(axis=(1, 2)))


def test_noise_has_the_deviation_that_is_asked_for_and_is_the_same_for_a_seed():
    image, known = np.zeros((3, 64, 64), np.float32), np.zeros((64, 64), bool)
    known[:, :4] = True
    noise = noisy_linear_imputation(image, known, noise=0.01)
    assert noise[:, ~known].std() == pytest.approx(0.01, rel=0.05)
    assert (noisy_linear_imputation(image, known, noise=0.01) == noise).all()
    assert (noisy_linear_imputation(image, known, noise=0.01, seed=1) != noise).any()
    assert not noisy_linear_imputation(image, known, noise=0).any()
