import numpy as np
import pytest

import onnxcam
from onnxcam.errors import LayerError, MethodError


@pytest.fixture
def explanation(pooled, picture):
    return pooled.explain(picture, [0, 4, -1])


def test_labels_of_the_rows(explanation):
    assert explanation.labels[:2] == ["tabby, tabby cat", "tiger, Panthera tigris"]
    assert explanation.labels[2] == explanation.top(1)[0].label


def test_without_labels_the_index_stands_for_the_name(toy, ramp):
    explanation = toy.run(ramp, [3, 0])
    assert explanation.labels == ["3", "0"]
    assert explanation.top(1)[0] == onnxcam.ClassScore(0, "0", 54.0, None)


def test_probabilities_are_the_models_own(explanation, rewritten, picture):
    exponentials = np.exp(explanation.scores - explanation.scores.max())
    np.testing.assert_allclose(explanation.probabilities, exponentials / exponentials.sum(), rtol=1e-5)
    sigmoid = onnxcam.Explainer(rewritten("pooled", score_activation="sigmoid")).explain(picture)
    np.testing.assert_allclose(sigmoid.probabilities, 1 / (1 + np.exp(-sigmoid.scores)), rtol=1e-5)
    neither = onnxcam.Explainer(rewritten("pooled", score_activation=None)).explain(picture)
    assert neither.probabilities is None


def test_top_classes_come_best_first(explanation):
    scores = [item.score for item in explanation.top(5)]
    assert scores == sorted(scores, reverse=True)
    assert len(explanation.top(2)) == 2
    assert sum(item.probability for item in explanation.top(5)) == pytest.approx(1)


def test_rows_know_their_image(pooled, picture):
    assert [pooled.explain([picture] * 2).image_of(row) for row in range(2)] == [0, 1]
    assert [pooled.explain(picture, [0, 1]).image_of(row) for row in range(2)] == [0, 0]


def test_cam_is_grad_cam_times_the_number_of_places(explanation):
    """Behind global average pooling both weigh the same map; they differ by Z (Selvaraju et al. 2017, appendix)."""
    np.testing.assert_allclose(explanation.cam(), 64 * explanation.grad_cam(relu=False), rtol=1e-4, atol=1e-5)


def test_guided_grad_cam_takes_only_what_speaks_for_the_class(explanation):
    signed = explanation.grad_cam(relu=False)
    assert signed.min() < 0
    expected = onnxcam.cam.guided_grad_cam(explanation.guided_backprop(), np.maximum(signed, 0))
    np.testing.assert_array_equal(explanation.guided_grad_cam(), expected)


def test_a_network_without_cam_says_which_have_one(toy, ramp):
    with pytest.raises(MethodError, match=r"global average pooling and one linear layer; use Grad-CAM"):
        toy.run(ramp).cam()


def test_too_low_a_level_says_which_is_needed(pooled, picture):
    maps, scores = pooled.explain(picture, level=1), pooled.explain(picture, level=0)
    maps.grad_cam()
    with pytest.raises(MethodError, match="needs level=2, and this explanation is of level 1"):
        maps.guided_backprop()
    with pytest.raises(MethodError, match="needs level=2"):
        maps.guided_grad_cam()
    with pytest.raises(MethodError, match="Grad-CAM needs level=1 or 2, and this explanation is of level 0"):
        scores.grad_cam()
    with pytest.raises(MethodError, match="CAM needs level=1 or 2"):
        scores.cam()


def test_a_plain_gradient_at_the_input(plain, ramp):
    explanation = plain.run(ramp, [0, 1])
    expected = [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(explanation.input_gradient(), [[expected]] * 2)
    assert explanation.guided is None
    for guided in (explanation.guided_backprop, explanation.guided_grad_cam):
        with pytest.raises(MethodError, match=r"its gradient at the input is plain; use input_gradient\(\)"):
            guided()
    with pytest.raises(
        MethodError, match="the gradient at the input needs level=2, and this explanation is of level 1"
    ):
        plain.run(ramp, level=1).input_gradient()


def test_a_guided_gradient_at_the_input_goes_by_its_name(explanation):
    assert explanation.input_gradients is None
    with pytest.raises(MethodError, match=r"gradient at the input is guided; use guided_backprop\(\)"):
        explanation.input_gradient()


def test_a_model_without_a_gradient_at_the_input_says_so(data, ramp):
    fixed = onnxcam.Explainer(data / "toy.onnx", level=1).run(ramp, 0)
    for refused in (fixed.guided_backprop, fixed.guided_grad_cam, fixed.input_gradient, fixed.input_x_gradient):
        with pytest.raises(MethodError, match="this model is fixed at level 1; use the model that it was made from"):
            refused()


def test_mistaken_names(explanation):
    with pytest.raises(LayerError, match="'conv' was not fetched; this explanation has features"):
        explanation.grad_cam("conv")
    with pytest.raises(MethodError, match="'bilinear' or 'nearest', not 'cubic'"):
        explanation.guided_grad_cam(interpolation="cubic")
    with pytest.raises(
        MethodError, match="no method 'lime'; there are grad-cam, cam, guided-backprop, guided-grad-cam"
    ):
        explanation.compute("lime")


def test_compute_gives_each_method_by_name(explanation):
    np.testing.assert_array_equal(explanation.compute("grad-cam"), explanation.grad_cam())
    np.testing.assert_array_equal(explanation.compute("cam"), explanation.cam())
    np.testing.assert_array_equal(explanation.compute("guided-backprop"), explanation.guided_backprop())
    np.testing.assert_array_equal(explanation.compute("guided-grad-cam"), explanation.guided_grad_cam())


def test_a_row_of_a_batch_has_its_own_probability(pooled, picture):
    other = np.zeros((8, 8, 3), np.uint8)
    explanation = pooled.explain([picture, other])
    for image in range(2):
        score = explanation.class_score(2, image)
        assert score.probability == pytest.approx(explanation.probabilities[image, 2])
        assert score.score == explanation.scores[image, 2]


def test_one_line_says_what_was_explained(explanation, pooled, toy, ramp, picture):
    assert repr(pooled.explain(picture, 0)) == (
        "Explanation(images=1, targets=['tabby, tabby cat'], layers=['features'], level=2)"
    )
    assert repr(toy.run(ramp, [3, 0, 1, 2, 3], level=1)) == (
        "Explanation(images=1, targets=['3', '0', '1', 2 more], layers=['relu1', 'conv1'], level=1)"
    )
    assert repr(pooled.explain([picture] * 2, 4, level=0)).endswith("tigris'], layers=[], level=0)")
    assert repr(explanation).isprintable()


def test_labels_do_not_break_the_line(rewritten, picture):
    labels = ["a\nb", "\u202e", "x" * 10_000, "d", "e"]
    explanation = onnxcam.Explainer(rewritten("pooled", labels=labels)).explain(picture, [0, 1, 2])
    assert repr(explanation).isprintable()
    assert len(repr(explanation)) < 300
