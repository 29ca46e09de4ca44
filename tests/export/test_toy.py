"""captum's toy network, through export and ONNX Runtime: the values that captum's own tests expect of it.

They are in its repository under tests/attr: test_guided_backprop.py, test_deconvolution.py, layer/test_grad_cam.py and
test_guided_grad_cam.py.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import onnxcam
from onnxcam_export import export

GUIDED = [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]
GUIDED_PLUS_ONE = [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
DECONVOLUTION = [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]
PRODUCT_AT_RELU1 = [[0, 0, 4, 4], [0, 0, 12, 8], [28, 84, 97.5, 65], [28, 56, 65, 32.5]]
PRODUCT_PLUS_ONE_AT_CONV1 = [[14.5, 29, 38, 19], [29, 58, 76, 38], [65, 130, 148, 74], [32.5, 65, 74, 37]]


class Toy(nn.Module):
    def __init__(self, *, inplace: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3)
        self.relu1 = nn.ReLU(inplace=inplace)
        self.fc1 = nn.Linear(8, 4)
        self.relu2 = nn.ReLU(inplace=inplace)
        self.conv1.weight.data.fill_(1)
        self.conv1.bias.data.copy_(torch.tensor([-50.0, -75.0]))
        self.fc1.weight.data.copy_(torch.tensor([1.0] * 5 + [-1.0] * 3).repeat(4, 1))
        self.fc1.bias.data.zero_()

    def forward(self, x):
        x = self.relu1(self.conv1(x))
        return self.relu2(self.fc1(x.flatten(1)))


@pytest.fixture(scope="module", params=[False, True], ids=["", "inplace"])
def toy(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("toy") / "toy.onnx"
    report = export(Toy(inplace=request.param), path, input_shape=(1, 4, 4), layers=["relu1", "conv1"])
    return onnxcam.Explainer(report.path)


@pytest.fixture
def ramp():
    return np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)


def close(value, expected):
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-4)


def test_scores(toy, ramp):
    close(toy.run(ramp, 0).scores, [[54] * 4])


def test_guided_backpropagation(toy, ramp):
    close(toy.run(ramp, 0).guided_backprop()[0, 0], GUIDED)


def test_grad_cam(toy, ramp):
    close(toy.run(ramp, 0).grad_cam("conv1")[0], [[11.25, 13.5], [20.25, 22.5]])
    close(toy.run(ramp, 0).grad_cam("relu1")[0], [[0, 4], [28, 32.5]])


def test_guided_grad_cam(toy, ramp):
    close(toy.run(ramp, 0).guided_grad_cam("relu1", interpolation="nearest")[0, 0], PRODUCT_AT_RELU1)


def test_the_sum_of_two_inputs(toy, ramp):
    """captum's multi-input network adds its inputs first, here 0 to 15 and ones."""
    explanation = toy.run(ramp + 1, 0)
    close(explanation.guided_backprop()[0, 0], GUIDED_PLUS_ONE)
    close(explanation.grad_cam("conv1")[0], [[14.5, 19], [32.5, 37]])
    close(explanation.guided_grad_cam("conv1", interpolation="nearest")[0, 0], PRODUCT_PLUS_ONE_AT_CONV1)


def test_the_four_classes_are_alike(toy, ramp):
    """Every row of the linear layer is the same."""
    explanation = toy.run(ramp, [0, 1, 2, 3])
    close(explanation.guided_backprop()[:, 0], [GUIDED] * 4)
    close(explanation.grad_cam("conv1"), [[[11.25, 13.5], [20.25, 22.5]]] * 4)


@pytest.mark.parametrize("offset", [0, 1])
def test_deconvolution(run, ramp, tmp_path, offset):
    """The table of deconvnet's rules in place of the guided ones."""
    path = tmp_path / "deconvnet.onnx"
    export(Toy(), path, input_shape=(1, 4, 4), layers="conv1", input_gradient="deconvnet")
    answers = run(path, **{"x": ramp + offset, "onnxcam.level": 2, "onnxcam.target": [0]})
    close(answers["onnxcam.input_gradients"][0, 0], DECONVOLUTION)
