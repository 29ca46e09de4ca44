import numpy as np
import pytest

from onnxcam.render.sheet import draw_sheet


def test_a_strip_for_each_row_and_a_panel_for_each_method(pooled, picture):
    explanation = pooled.explain(picture, [0, 1])
    four = draw_sheet(explanation, ["grad-cam", "guided-backprop", "guided-grad-cam"])
    two = draw_sheet(explanation, ["cam"])
    assert four.mode == "RGB"
    assert four.width > 1.8 * two.width
    assert four.height == two.height
    assert draw_sheet(pooled.explain(picture), ["cam"]).height == two.height // 2


def test_the_same_explanation_is_drawn_the_same(pooled, picture):
    first, second = (draw_sheet(pooled.explain(picture), ["grad-cam"]) for _ in range(2))
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("method", ["grad-cam", "cam", "guided-backprop", "guided-grad-cam"])
def test_classes_are_drawn_differently(pooled, picture, method):
    one, other = (np.asarray(draw_sheet(pooled.explain(picture, target), [method])) for target in (0, 2))
    right = one.shape[1] // 2
    assert (one[:, right:] != other[:, right:]).any()


def test_an_explanation_of_nothing_is_drawn_too(toy):
    """All its ReLUs are dead, so all maps are constant."""
    explanation = toy.run(np.zeros((1, 1, 4, 4), np.float32))
    assert explanation.grad_cam().max() == 0
    assert draw_sheet(explanation, ["grad-cam", "guided-backprop", "guided-grad-cam"]).width > 0
