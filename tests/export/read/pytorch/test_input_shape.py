from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from onnxcam_export import ShapeError
from onnxcam_export.read.pytorch.input_shape import check_shape, module_shape


def network(channels=3, **attributes):
    module = nn.Sequential(nn.Sequential(nn.Conv2d(channels, 4, 3)), nn.ReLU(), nn.Conv2d(4, 5, 3))
    for name, value in attributes.items():
        setattr(module[0], name, value)
    return module


@pytest.mark.parametrize(
    ("given", "expected"), [((2, 1, 8, 9), (1, 8, 9)), ([1, 8, 9], (1, 8, 9)), ((np.int64(3), 8, 9), (3, 8, 9))]
)
def test_the_shape_that_was_given(given, expected):
    assert module_shape(network(), given) == (expected, None)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"pretrained_cfg": {"input_size": (3, 160, 192)}}, (3, 160, 192)),
        ({"default_cfg": SimpleNamespace(input_size=(1, 32, 32))}, (1, 32, 32)),
        ({"config": SimpleNamespace(image_size=48, num_channels=1)}, (1, 48, 48)),
        ({"config": SimpleNamespace(image_size=[48, 64])}, (3, 48, 64)),
    ],
)
def test_the_shape_that_the_module_states(attributes, expected):
    assert module_shape(network(**attributes), None) == (expected, None)


@pytest.mark.parametrize(
    "attributes", [{}, {"config": SimpleNamespace(image_size="large")}, {"pretrained_cfg": {"input_size": (3, 7)}}]
)
def test_a_shape_that_nobody_stated_is_noted(attributes):
    shape, note = module_shape(network(1, **attributes), None)
    assert shape == (1, 224, 224)
    assert "so 1 x 224 x 224 was taken; give input_shape (--input-size)" in note


@pytest.mark.parametrize(
    ("convolutions", "channels"),
    [
        ([(512, 10), (3, 8), (8, 512)], 3),  # a head that was made before the stem
        ([(4, 8), (8, 16)], 4),
        ([], 3),
    ],
)
def test_the_channels_of_the_first_convolution_that_can_take_images(convolutions, channels):
    module = nn.Sequential(nn.ReLU(), *(nn.Conv2d(*pair, 1) for pair in convolutions))
    shape, _ = module_shape(module, None)
    assert shape == (channels, 224, 224)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            (96, 80),
            r"is \(96, 80\), and this module needs channels x height x width; give \(1, 96, 80\), or 1x96x80 on",
        ),
        (96, r"is 96, and this module needs channels x height x width; give \(1, 96, 96\), or 1x96x96"),
        ("96", r"input_shape \(--input-size\) is '96'; give channels, height and width in whole numbers"),
        ((3, 0, 96), r"is \(3, 0, 96\); give"),
        ((3, 96.0, 96), r"is \(3, 96.0, 96\); give"),
        ((1, 3, 96, 96, 96), r"this module needs channels x height x width; give \(1, 96, 96\)"),
        ((1, 1, 3, 96, 96, 96), "; give channels"),
        ((), r"is \(\); give"),
        ((3, 2**20, 2**20), "together at most 268435456 values"),
    ],
)
def test_mistakes(given, words):
    with pytest.raises(ShapeError, match=words):
        module_shape(network(1), given)


@pytest.mark.parametrize(
    ("module", "given", "expected"),
    [
        (nn.Conv1d(2, 4, 3), (2, 50), (2, 50)),
        (nn.Conv1d(2, 4, 3), (1, 2, 50), (2, 50)),
        (nn.Conv3d(1, 4, 3), (1, 8, 9, 10), (1, 8, 9, 10)),
        (nn.Conv3d(1, 4, 3), (2, 1, 8, 9, 10), (1, 8, 9, 10)),
    ],
)
def test_signals_and_volumes(module, given, expected):
    assert module_shape(module, given) == (expected, None)
    with pytest.raises(ShapeError, match=r"this module needs channels x (length|depth x height x width); give"):
        module_shape(module, (6,))
    with pytest.raises(ShapeError, match="whose sizes it does not state; give input_shape"):
        module_shape(module, None)


def test_an_onnx_models_height_and_width_alone():
    assert check_shape((8, 9)) == (8, 9)


def test_the_advice_for_inputs_of_other_axes():
    with pytest.raises(
        ShapeError, match="has other axes than its first convolution, give a tensor with example_inputs"
    ):
        module_shape(network(), (6, 40))
