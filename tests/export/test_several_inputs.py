"""Modules of several inputs: the image is explained, and the others stay inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam.errors import TensorError
from onnxcam_export import ExportError, export
from support import reference
from support.models import randomised

if TYPE_CHECKING:
    from pathlib import Path


class Lesion(nn.Module):
    """An image, and four numbers of the patient that scale and shift its features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.scale, self.head = nn.Linear(4, 8), nn.Linear(12, 3)

    def forward(self, image: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
        features = self.body(image) * self.scale(patient)[:, :, None, None]
        return self.head(torch.cat([features.relu().mean((2, 3)), patient], 1))


class PatientFirst(Lesion):
    def forward(self, patient: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return super().forward(image, patient)


SHAPES = {"image": (1, 3, 16, 16), "patient": (1, 4)}
GIVEN: dict[str, dict[str, Any]] = {
    "shapes": {"input_shape": SHAPES},
    "examples in order": {"example_inputs": (torch.rand(2, 3, 16, 16), torch.rand(2, 4))},
    "examples of one row by name": {"example_inputs": {"patient": torch.rand(1, 4), "image": torch.rand(1, 3, 16, 16)}},
}


@pytest.mark.parametrize(
    ("kind", "given"), [*((Lesion, given) for given in GIVEN), *((PatientFirst, given) for given in list(GIVEN)[::2])]
)
def test_gradients_are_autograd_s(kind: type[Lesion], given: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = randomised(kind())
    report = export(module, tmp_path / "out.onnx", layers=["body"], image_input="image", **GIVEN[given])
    assert report.metadata.image.name == "image"
    assert report.metadata.verification is not None
    rng = np.random.default_rng(0)
    image, patient = (rng.standard_normal((2, *shape[1:])).astype(np.float32) for shape in SHAPES.values())
    got = Explainer(report.path).run(image, [2, 0], inputs={"patient": patient})
    x = torch.from_numpy(image).requires_grad_()
    found: dict[str, torch.Tensor] = {}
    module.body.register_forward_hook(lambda _m, _i, y: found.update(a=y))
    scores = module(image=x, patient=torch.from_numpy(patient))
    (gradient,) = torch.autograd.grad(scores[[0, 1], [2, 0]].sum(), found["a"])
    assert reference.relative_error(got.scores, scores.detach().numpy()) < 1e-5
    assert reference.relative_error(got.gradients["body"], gradient.numpy()) < 1e-5


def test_the_first_argument_is_the_image_by_default(tmp_path: Path) -> None:
    report = export(randomised(Lesion()), tmp_path / "out.onnx", input_shape=SHAPES)
    assert report.metadata.image.name == "image"
    with pytest.raises(TensorError, match="besides the image the model needs patient"):
        Explainer(report.path).run(np.zeros((1, 3, 16, 16), np.float32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"input_shape": {"picture": (1, 3, 16, 16)}},
            "the module has no argument 'picture'; it has image, patient",
        ),
        (
            {"input_shape": {"image": (1, "a")}},
            r"input_shape\['image'\] is \(1, 'a'\); give whole numbers, the batch",
        ),
        ({"input_shape": {"image": 3}}, r"input_shape\['image'\] is 3; give whole numbers, the batch first"),
        ({"input_shape": SHAPES, "example_inputs": ()}, "example_inputs and input_shape were both given"),
        ({"example_inputs": [1, 2]}, "example_inputs must be tensors, one for each argument"),
        ({"input_shape": SHAPES, "image_input": "x"}, "the module has no input 'x'; image_input .* can be image"),
        ({"input_shape": (3, 16, 16)}, "the module has several arguments without defaults, image, patient; give"),
    ],
)
def test_mistakes_are_said(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        export(randomised(Lesion()), tmp_path / "out.onnx", **options)


class Pair(nn.Module):
    """The difference of two images, each seen by the same layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.other = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU()), nn.Conv2d(3, 8, 3, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen = self.body(x).mean((2, 3)), self.body(y).mean((2, 3)), self.other(y).mean((2, 3))
        return self.head((seen[0] - seen[1]).abs() + seen[2])


PAIR = {"x": (1, 3, 16, 16), "y": (1, 3, 16, 16)}


@pytest.mark.parametrize(("image", "layers"), [("x", None), ("x", "body"), ("y", "body")])
def test_of_a_module_that_runs_twice_the_image_s_own_run_is_taken(
    image: str, layers: str | None, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module = Pair()
    report = export(module, tmp_path / "out.onnx", input_shape=PAIR, layers=layers, image_input=image)
    assert [layer.name for layer in report.metadata.layers] == ["body"]
    images = {name: torch.randn(1, 3, 16, 16) for name in PAIR}
    (other,) = PAIR.keys() - {image}
    got = Explainer(report.path).run(images[image].numpy(), [0], inputs={other: images[other].numpy()})
    seen = {name: module.body(images[name]).detach().requires_grad_() for name in PAIR}
    means = {name: a.mean((2, 3)) for name, a in seen.items()}
    score = module.head((means["x"] - means["y"]).abs() + module.other(images["y"]).mean((2, 3)))[0, 0]
    (gradient,) = torch.autograd.grad(score, seen[image])
    np.testing.assert_allclose(got.activations["body"], seen[image].detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.gradients["body"], gradient.numpy(), rtol=1e-5, atol=1e-7)


def test_a_layer_of_the_other_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the layer 'other' is not computed from the image, which is the input 'x'"):
        export(Pair(), tmp_path / "out.onnx", input_shape=PAIR, layers="other")
