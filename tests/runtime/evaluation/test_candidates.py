import numpy as np
import pytest

from onnxcam import cam
from onnxcam.evaluation.candidates import candidates_of, saliency
from onnxcam.methods import methods_of


@pytest.mark.parametrize("name", ["pooled", "flat"])
def test_maps_have_the_inputs_size_and_lie_between_0_and_1(name, data, request):
    explanation = request.getfixturevalue(name).explain(data / "coffee.jpg")
    for method in methods_of(explanation.metadata):
        values = saliency(explanation, method)
        assert values.shape == explanation.metadata.image.places
        assert (values.min(), values.max()) == (0, 1)


def test_a_layers_map_is_upsampled_and_a_gradient_has_its_largest_magnitude(pooled, data):
    explanation = pooled.explain(data / "coffee.jpg", [0, 1])
    expected = cam.normalise(cam.upsample(explanation.map("grad-cam"), (8, 8)))[1]
    assert saliency(explanation, "grad-cam", row=1) == pytest.approx(expected)
    largest = np.abs(explanation.guided_backprop()[1]).max(axis=0)
    assert saliency(explanation, "guided-backprop", row=1) == pytest.approx(cam.normalise(largest[None])[0])


def test_the_methods_that_are_named_come_first_and_the_baselines_last(pooled):
    found = candidates_of(pooled.metadata, ["layer-cam", "guided-backprop"])
    assert [(one.name, one.level, one.is_baseline) for one in found] == [
        ("layer-cam", 1, False),
        ("guided-backprop", 2, False),
        ("uniform", 0, True),
        ("centre-gaussian", 0, True),
        ("random", 0, True),
        ("edges", 0, True),
    ]
