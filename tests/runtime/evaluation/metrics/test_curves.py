import numpy as np
import pytest

from onnxcam.evaluation.metrics import area_under_curve, exchanged, removal_order, step_counts


def test_the_most_salient_places_come_first_and_ties_in_the_order_of_reading():
    saliency = np.array([[0.5, 0.1], [0.5, 0.9]])
    assert removal_order(saliency).tolist() == [3, 0, 2, 1]


@pytest.mark.parametrize(("places", "steps"), [(50176, 28), (10, 3), (7, 30)])
def test_steps_go_from_no_pixel_to_all(places, steps):
    counts = step_counts(places, steps)
    assert (len(counts), counts[0], counts[-1]) == (steps + 1, 0, places)
    assert counts == sorted(counts)
    assert max(np.diff(counts)) - min(np.diff(counts)) <= 1


def test_a_step_of_rise_is_1792_pixels():
    assert set(np.diff(step_counts(224 * 224, 28))) == {1792}


def test_pixels_are_exchanged_in_all_channels_and_the_arguments_stay():
    start, finish = np.zeros((2, 2, 2)), np.arange(1, 9.0).reshape(2, 2, 2)
    images = list(exchanged(start, finish, np.array([3, 0, 2, 1]), [0, 1, 3, 4]))
    assert images[0].tolist() == start.tolist()
    assert images[1].tolist() == [[[0, 0], [0, 4]], [[0, 0], [0, 8]]]
    assert images[2].tolist() == [[[1, 0], [3, 4]], [[5, 0], [7, 8]]]
    assert images[3].tolist() == finish.tolist()
    assert not start.any()


def test_the_area_is_that_of_trapezoids():
    scores = np.random.default_rng(0).random(29)
    assert area_under_curve(scores) == pytest.approx(sum((scores[1:] + scores[:-1]) / 2 / 28), rel=1e-12)
    assert area_under_curve(np.ones(5)) == 1
