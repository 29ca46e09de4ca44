import dataclasses

import pytest

from onnxcam.metadata import DetectionHead
from onnxcam.methods import METHODS, default_methods, methods_of, required_level, why_not

OTHER_MAPS = ("grad-cam++", "xgrad-cam", "hires-cam", "layer-cam", "eigen-cam", "eigen-grad-cam")


def test_a_guided_model_with_cam_has_all_methods(pooled):
    assert methods_of(pooled.metadata) == METHODS
    assert not any(why_not(method, pooled.metadata) for method in METHODS)


def test_without_a_cam_layer_there_is_no_cam(toy):
    assert methods_of(toy.metadata) == tuple(method for method in METHODS if method != "cam")
    assert "global average pooling and one linear layer" in why_not("cam", toy.metadata)


@pytest.mark.parametrize("rules", ["plain", "deconvnet", "custom"])
def test_without_the_guided_gradient_there_are_no_guided_methods(toy, rules):
    metadata = dataclasses.replace(toy.metadata, input_gradient=rules)
    assert default_methods(metadata) == ("grad-cam",)
    assert methods_of(metadata) == ("grad-cam", *OTHER_MAPS)
    for method in ("guided-backprop", "guided-grad-cam"):
        assert why_not(method, metadata).endswith(f"its gradient at the input is {rules}")


def test_default_methods_are_those_of_the_level_without_cam(pooled):
    assert default_methods(pooled.metadata) == ("grad-cam", "guided-backprop", "guided-grad-cam")
    assert default_methods(pooled.metadata, level=1) == ("grad-cam",)
    assert default_methods(pooled.metadata, level=0) == ()


def test_levels():
    levels = {method: required_level(method) for method in METHODS}
    assert levels == {
        "grad-cam": 1,
        "cam": 1,
        "guided-backprop": 2,
        "guided-grad-cam": 2,
        **dict.fromkeys(OTHER_MAPS, 1),
    }


def test_the_default_of_a_detection_model_keeps_single_objects(pooled):
    head = DetectionHead(anchors=1, classes=4, count=3)
    metadata = dataclasses.replace(pooled.metadata, classes=None, score_shape=(7, 32), labels=None, detection=head)
    assert default_methods(metadata) == ("layer-cam", "guided-backprop")
    assert default_methods(metadata, level=1) == ("layer-cam",)
