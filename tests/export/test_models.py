"""Every architecture that the export promises, against PyTorch.

Random weights, inputs as small as the architecture takes. The reference (``support/reference.py``) runs the module
itself with hooks; it shares nothing with the export, nor with the export's own verification, which runs here as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
import torch

import onnxcam
from onnxcam_export import export
from support.models import randomised
from support.reference import Answers, cosine, explain, relative_error


@dataclass(frozen=True)
class Case:
    """A model of torchvision.

    Attributes:
        size: Height and width of the input.
        default: The layer that the export should choose by itself.
        middle: A module deep inside, so that the gradient has a long way.
        compared: The module that the default layer is the output of, where it is not one itself.
    """

    size: int
    default: str
    middle: str
    compared: str | None = None


CASES = {
    "alexnet": Case(64, "features.11", "features.5"),
    "vgg11": Case(64, "features", "features.10"),
    "vgg16_bn": Case(64, "features", "features.20"),
    "resnet18": Case(64, "layer4", "layer2.0.relu"),
    "resnet50": Case(64, "layer4", "layer3.2"),
    "wide_resnet50_2": Case(64, "layer4", "layer3"),
    "resnext50_32x4d": Case(64, "layer4", "layer3.0.conv2"),
    "squeezenet1_1": Case(64, "classifier.2", "features.6"),
    "densenet121": Case(64, "relu_120", "features.denseblock3", "features"),
    "googlenet": Case(64, "inception5b", "inception4a.branch2"),
    "inception_v3": Case(107, "Mixed_7c", "Mixed_6b"),
    "mobilenet_v2": Case(64, "features", "features.10"),
    "mobilenet_v3_small": Case(64, "features", "features.6"),
    "shufflenet_v2_x1_0": Case(64, "conv5", "stage3.1"),
    "mnasnet0_5": Case(64, "layers", "layers.10"),
    "efficientnet_b0": Case(64, "features", "features.4"),
    "regnet_y_400mf": Case(64, "trunk_output", "trunk_output.block3"),
    "convnext_tiny": Case(64, "features", "features.5.2"),
}

TARGET = [3, 7]


def torchvision_model(name: str) -> torch.nn.Module:
    from torchvision import models  # noqa: PLC0415 — after conftest has declared its operators

    torch.manual_seed(0)
    options = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    module = models.get_model(name, weights=None, **options)
    if name.startswith("vgg"):
        narrow(module.classifier)
    return randomised(module)


def narrow(classifier: torch.nn.Sequential, features: int = 512) -> None:
    """The fully connected layers of VGG with fewer features: the same graph, large matrices too, half a GB less."""
    first, last = classifier[0].in_features, classifier[6].out_features
    for index, sizes in ((0, (first, features)), (3, (features, features)), (6, (features, last))):
        classifier[index] = torch.nn.Linear(*sizes)


@pytest.mark.parametrize("name", CASES)
def test_model(name, tmp_path):
    case, module = CASES[name], torchvision_model(name)
    image = np.random.default_rng(0).standard_normal((2, 3, case.size, case.size)).astype(np.float32)
    layers = [case.compared or case.default, case.middle]
    report = export(module, tmp_path / "model.onnx", input_shape=(3, case.size, case.size), layers=layers)

    explanation = onnxcam.Explainer(report.path).run(image, TARGET)
    assert_agrees(explanation, module, image, layers)

    verification = report.metadata.verification
    assert set(verification.errors) >= {output.name for output in onnx.load(report.path).graph.output} - {
        "onnxcam.class_index"
    }
    assert not [note for note in verification.notes if note.startswith("not compared")]
    assert report.size <= 1.05 * report.plain_size


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "densenet121"])
def test_the_default_layer(name):
    from onnxcam_export import candidates  # noqa: PLC0415

    case = CASES[name]
    found = candidates(torchvision_model(name), input_shape=(3, case.size, case.size))
    assert [candidate.name for candidate in found if candidate.is_default] == [case.default]


def assert_agrees(explanation: onnxcam.Explanation, module: torch.nn.Module, image, layers: list[str]) -> None:
    expected = explain(module, image, TARGET, layers)
    if not disagreements(explanation, expected):
        return
    # Rounding turns over ReLU masks and the choices of max pooling, and in a badly conditioned network that shows. Then
    # PyTorch's own float32 is as far from its float64, and the artifact may be no farther than that.
    exact = explain(module, image, TARGET, layers, dtype=torch.float64)
    own = disagreements(expected, exact)
    for output, (error, _) in disagreements(explanation, exact).items():
        assert error <= 4 * own.get(output, (0.0, 0.0))[0], f"{output}: {error:.1e} from float64"


def disagreements(answers: onnxcam.Explanation | Answers, expected: Answers) -> dict[str, tuple[float, float]]:
    """The outputs that are off by more than they may be, each with its error and bound."""
    errors = {"scores": (relative_error(answers.scores, expected.scores), 1e-4)}
    for layer in expected.activations:
        for kind in ("activations", "gradients"):
            error = relative_error(getattr(answers, kind)[layer], getattr(expected, kind)[layer])
            errors[f"{kind}/{layer}"] = (error, 1e-3)
    errors["guided"] = (1 - cosine(answers.guided, expected.guided), 1e-4)
    return {output: (error, bound) for output, (error, bound) in errors.items() if not error < bound}
