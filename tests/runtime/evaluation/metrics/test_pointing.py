import numpy as np
import pytest

from onnxcam.evaluation.metrics import energy_in_region, pointing_game


@pytest.fixture
def region():
    region = np.zeros((6, 8), bool)
    region[1:3, 2:5] = True
    return region


def peak(row, column):
    saliency = np.zeros((6, 8))
    saliency[row, column] = 1
    return saliency


def test_a_maximum_on_the_object_hits(region):
    assert pointing_game(peak(2, 4), region) == 1
    assert pointing_game(peak(3, 4), region) == 0
    assert pointing_game(peak(2, 4) + peak(5, 7), region) == 1  # one of two maxima is enough


def test_the_tolerance_is_a_distance_in_pixels(region):
    assert pointing_game(peak(4, 5), region, tolerance=2.3) == 1  # sqrt(5) = 2.24 away
    assert pointing_game(peak(4, 5), region, tolerance=2.2) == 0
    assert pointing_game(peak(4, 5), np.zeros((6, 8), bool), tolerance=9) == 0


def test_energy_is_the_share_in_the_region(region):
    assert energy_in_region(3 * peak(1, 2) + peak(5, 7), region) == 0.75
    assert energy_in_region(np.ones((6, 8)), region) == region.mean()
    assert energy_in_region(np.zeros((6, 8)), region) == 0
